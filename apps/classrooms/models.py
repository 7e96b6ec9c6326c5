"""Places: buildings, classrooms with their geofence, and Bluetooth beacons."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Between, Named
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import TimestampedModel


class Building(TimestampedModel):
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("building")
        verbose_name_plural = _("buildings")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="building_name"),
            Named(field="name", name="building_named"),
        ]

    def __str__(self) -> str:
        return self.name


class Classroom(TimestampedModel):
    """A room. Without coordinates the place factor cannot tell and is left out of the score."""

    building = CampusForeignKey(
        Building,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="classrooms",
        verbose_name=_("building"),
    )
    room_number = models.CharField(_("room number"), max_length=20)
    floor = models.SmallIntegerField(_("floor"), null=True, blank=True)
    capacity = models.PositiveIntegerField(_("capacity"), default=50)
    latitude = models.DecimalField(
        _("latitude"),
        max_digits=10,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )
    longitude = models.DecimalField(
        _("longitude"),
        max_digits=11,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )
    geofence_radius = models.DecimalField(
        _("geofence radius (m)"),
        max_digits=8,
        decimal_places=2,
        default=Decimal("50.00"),
        validators=[MinValueValidator(1)],
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("classroom")
        verbose_name_plural = _("classrooms")
        ordering = ["building__name", "room_number"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "building", "room_number"], name="classroom_room_unique"
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True) | Q(latitude__range=(-90, 90)),
                name="classroom_latitude",
            ),
            models.CheckConstraint(
                condition=Q(longitude__isnull=True) | Q(longitude__range=(-180, 180)),
                name="classroom_longitude",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__isnull=False, longitude__isnull=False),
                name="classroom_both_coordinates",
            ),
            models.CheckConstraint(condition=Q(geofence_radius__gt=0), name="classroom_radius"),
            Named(field="room_number", name="classroom_room_number"),
            Between(field="capacity", name="classroom_capacity", low=0, high=100_000),
            Between(field="floor", name="classroom_floor", low=-10, high=200),
            Between(field="geofence_radius", name="classroom_radius_range", low=1, high=100_000),
        ]
        indexes = [
            models.Index(fields=["campus", "latitude", "longitude"], name="classroom_coordinates")
        ]

    def __str__(self) -> str:
        return f"{self.building.name} {self.room_number}"


class Beacon(TimestampedModel):
    """A Bluetooth beacon. With a secret its identifier rotates; without one it is fixed."""

    classroom = CampusForeignKey(
        Classroom, on_delete=models.CASCADE, related_name="beacons", verbose_name=_("classroom")
    )
    identifier = models.CharField(
        _("identifier"), max_length=100, help_text=_("As the beacon sends it, e.g. its UUID.")
    )
    sealed_secret = models.BinaryField(_("sealed secret"), null=True, editable=False)
    min_rssi = models.SmallIntegerField(
        _("weakest signal (dBm)"),
        default=-90,
        validators=[MinValueValidator(-120), MaxValueValidator(0)],
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("beacon")
        verbose_name_plural = _("beacons")
        ordering = ["identifier"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "identifier"], name="beacon_identifier"),
            Named(field="identifier", name="beacon_named"),
            Between(field="min_rssi", name="beacon_min_rssi", low=-120, high=0),
        ]

    def __str__(self) -> str:
        return self.identifier
