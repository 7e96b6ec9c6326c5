"""The portrait and the engine of the tests of faces."""

from tests.biometrics.conftest import astronaut as astronaut
from tests.biometrics.conftest import astronaut_jpeg as astronaut_jpeg
from tests.biometrics.conftest import astronaut_path as astronaut_path
from tests.biometrics.conftest import demo_faces as demo_faces
from tests.biometrics.conftest import engine as engine
from tests.biometrics.conftest import media as media
from tests.biometrics.conftest import models_dir as models_dir
