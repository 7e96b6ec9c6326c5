"""The demo campus: plain data in `fixtures/demo`, loaded through the services of the apps."""

from apps.demo.loader.load import Loaded, load_demo
from apps.demo.loader.people import SignIn
from apps.demo.loader.verify import demo_problems

__all__ = ["Loaded", "SignIn", "demo_problems", "load_demo"]
