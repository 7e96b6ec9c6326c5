"""The demo campus: plain data in `fixtures/demo`, loaded through the services of the apps."""

from apps.demo.allowed import demo_allowed
from apps.demo.loader.load import Loaded, load_demo
from apps.demo.loader.people import SignIn

__all__ = ["Loaded", "SignIn", "demo_allowed", "load_demo"]
