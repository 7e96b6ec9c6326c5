"""The demo campus: plain data in `fixtures/demo`, loaded through the services of the apps."""

from apps.ops.demo.allowed import demo_allowed
from apps.ops.demo.load import Loaded, load_demo
from apps.ops.demo.people import SignIn

__all__ = ["Loaded", "SignIn", "demo_allowed", "load_demo"]
