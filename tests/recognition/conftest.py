"""The photos and the engine of the tests of faces."""

from tests.biometrics.conftest import engine as engine
from tests.biometrics.conftest import labelled_faces as labelled_faces
from tests.biometrics.conftest import media as media
from tests.biometrics.conftest import models_dir as models_dir
from tests.biometrics.conftest import people as people
