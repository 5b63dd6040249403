"""What a sensor of each kind can measure at all.

Drivers hand out what their hardware answers: registers of ones, an error's number, a sensor that is not there. Within
these ranges a value is believed and reported; beyond, it is no measurement. A range must hold what any hardware can
measure, so some nonsense lies within: a DS18B20 reads 85 °C after its power failed, and an input of a Super I/O chip
that is not connected floats anywhere. Those cannot be told from a measurement.
"""

from typing import NamedTuple, TypeVar

N = TypeVar("N", int, float)


class Kind(NamedTuple):
    """A kind of sensor. Values from `lowest` to `highest` are possible, in `unit`, for the `reason`.

    `absent` are values by which chips, drivers and firmware say that there is no sensor, or that nothing is connected:
    there is no value then, and no error.
    """

    name: str
    lowest: float
    highest: float
    unit: str
    reason: str
    absent: frozenset[float] = frozenset()

    def holds(self, value: float) -> bool:
        """Whether the value is possible."""
        return self.lowest <= value <= self.highest

    def check(self, value: N) -> N:
        """The value, where it is possible. Raises ValueError where it is not."""
        if not self.holds(value):
            raise ValueError(f"no {self.name}: {value:g} {self.unit}".rstrip())
        return value

    def measure(self, value: N) -> N | None:
        """The value, or None for one that says that there is no sensor. Raises ValueError where it is not possible."""
        return None if value in self.absent else self.check(value)


TEMPERATURE = Kind(
    "temperature",
    -60,
    250,
    "°C",
    "Sensors are rated from -55 °C (LM75, DS18B20), silicon fails below 200 °C. Beyond are -256 °C of a Jetson's GPU "
    "that is off, 255 °C (radeon si.c) and 511 °C (amdgpu smu7_thermal.c) of a register of ones, and what an NVMe "
    "drive gives that takes degrees for kelvins.",
    absent=frozenset(
        {
            -128.0,  # an open input of it87 and nct6775
            127.5,  # a register of ones after the sign: LM75,
            127.875,  # the same with more bits,
            127.937,  # DS18B20
            -273.15,  # 0 K: the field of an NVMe drive without a thermometer (nvme/host/hwmon.c)
            -273.2,  # 0 K of an ACPI zone, whose zero the kernel guesses (acpi/thermal.c):
            -273.1,  # this or that
            -263.2,  # 10 K, by the same: a zone without a sensor, in the firmware of Intel's NUCs
            -263.1,
            -274.0,  # THERMAL_TEMP_INVALID (linux/thermal.h)
        }
    ),
)
VOLTAGE = Kind(
    "voltage",
    -100,
    1000,
    "V",
    "Telecom supplies have -48 V, converters up to 410 V at their input (Vicor BCM), an uninterruptible supply 400 V.",
)
CURRENT = Kind(
    "current",
    -2000,
    2000,
    "A",
    "Twice what the largest regulator of a processor gives; 32 bits of ones in milliamperes are 4,294,967 A.",
)
POWER = Kind(
    "power",
    -20_000,
    100_000,
    "W",
    "A shelf of power supplies gives less; 32 bits of ones can be 4,294 MW.",
    absent=frozenset({4_294_967.295}),  # ones, in milliwatts: not available, by the ACPI specification, section 10.4
)
FAN_SPEED = Kind(
    "speed of a fan",
    0,
    60_000,
    "rpm",
    "The fastest fans on sale (40 mm, for servers) reach 38,000. Drivers give -1, also without a sign, for a register "
    "that cannot be (it87.c).",
    absent=frozenset({65535}),  # no fan, or none that is heard (thinkpad_acpi.c, cros_ec_hwmon.c, max31785.c)
)
FREQUENCY = Kind(
    "frequency", 0, 20_000_000_000, "Hz", "Twice what a processor ever reached, under liquid helium (9.1 GHz)."
)
SIGNAL = Kind(
    "signal of a Wi-Fi device",
    -120,
    -1,
    "dBm",
    "Thermal noise in 20 MHz is -101 dBm, and receivers hear a little below it; only a transmitter itself is above 0.",
)
NOISE = Kind(
    "noise of a Wi-Fi device", -120, -10, "dBm", "Thermal noise in 20 MHz is -101 dBm; louder than -10 no link is left."
)
LINK_SPEED = Kind(
    "speed of a link", 1, 3_200_000, "Mbit/s", "The fastest Ethernet has 1.6 Tbit/s; 65535 and -1 mean unknown."
)
MTU = Kind("MTU", 0, (1 << 31) - 1, "", "The kernel prints a signed int (net/core/net-sysfs.c), and 0 is allowed.")

KINDS = (TEMPERATURE, VOLTAGE, CURRENT, POWER, FAN_SPEED, FREQUENCY, SIGNAL, NOISE, LINK_SPEED, MTU)
