"""What a scenario can move: the world around the board, and what is asked of the board."""

from collections.abc import Mapping
from dataclasses import dataclass

Value = float | bool | None
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One of them. `needs` is what the board must have for it to matter; None as default: as the board itself does."""

    help: str
    default: Value
    least: float = 0.0
    most: float = 1.0
    needs: str | None = None

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return isinstance(self.default, bool)


NOT_HEARD = -92.0
"""dBm of Wi-Fi below which no access point is heard any more."""

QUANTITIES: Mapping[str, Quantity] = {
    "load": Quantity("Work for the CPUs, as a part of what all can do.", 0.06),
    "ambient": Quantity("Temperature around the board, in degrees Celsius.", 22.0, -40, 120, "temperature"),
    "temperature": Quantity("Forces the processor's temperature, in degrees Celsius.", None, -40, 150, "temperature"),
    "supply_volts": Quantity("What the supply gives, in volts.", 5.12, 0, 6, "firmware"),
    "cable_ohms": Quantity("Resistance of the cable: under load, volts stay in it.", 0.0, 0, 2, "firmware"),
    "undervoltage": Quantity("Forces the undervoltage detector to this, whatever the volts.", None, 0, 1, "firmware"),
    "throttle_bits": Quantity("Bits 0 to 3 that the firmware reports on top of its own.", 0.0, 0, 15, "firmware"),
    "arm_hertz": Quantity("Forces the ARM's real clock, in hertz.", None, 0, 5e9, "firmware"),
    "fan": Quantity("Health of the fan: 1 turns as it should, 0 stands still whatever drives it.", 1.0, 0, 1, "fan"),
    "fan_duty": Quantity("Forces how hard the fan is driven, from 0 to 1.", None, 0, 1, "fan"),
    "root_readonly": Quantity("Whether the kernel has turned the root filesystem read-only.", default=False),
    "wifi_signal": Quantity("Wi-Fi signal in dBm; the link is lost below -92.", None, -120, -10, "wifi"),
    "ethernet": Quantity("Whether the network cable has a link.", default=True, needs="ethernet"),
    "network": Quantity("Bytes a second received and sent.", 24e3, 0, 125e6),
    "disk_read": Quantity("Bytes a second read from the root's disk.", 2e3, 0, 1e9),
    "disk_write": Quantity("Bytes a second written to the root's disk.", 12e3, 0, 1e9),
    "power": Quantity("Whether there is power. Without it the tree stands still; then the board boots.", default=True),
}  # fmt: skip

FORCED_SWITCHES = frozenset({"undervoltage"})
"""Switches whose default is that nobody forces them."""

FEATURES: Mapping[str, str] = {
    "temperature": "a temperature sensor",
    "firmware": "Raspberry Pi firmware",
    "detector": "an undervoltage detector",
    "fan": "a fan",
    "wifi": "Wi-Fi",
    "ethernet": "Ethernet",
}
"""What boards may lack, in words."""


def is_switch(name: str) -> bool:
    """Whether the quantity of this name is on or off."""
    return name in FORCED_SWITCHES or QUANTITIES[name].is_switch
