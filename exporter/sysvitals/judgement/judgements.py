"""All judgements, in the order in which they are watched and judged."""

from sysvitals.judgement.clock import judge as clock
from sysvitals.judgement.cpu import judge as cpu
from sysvitals.judgement.disk import judge as disk
from sysvitals.judgement.exporter import judge as exporter
from sysvitals.judgement.filesystem import judge as filesystem
from sysvitals.judgement.heat import judge as heat
from sysvitals.judgement.memory import judge as memory
from sysvitals.judgement.network import judge as network
from sysvitals.judgement.power import judge as power
from sysvitals.judgement.vanished import judge as vanished

JUDGEMENTS = (
    *power.JUDGEMENTS,
    *heat.JUDGEMENTS,
    *clock.JUDGEMENTS,
    *exporter.JUDGEMENTS,
    *filesystem.JUDGEMENTS,
    *memory.JUDGEMENTS,
    *disk.JUDGEMENTS,
    *network.JUDGEMENTS,
    *vanished.JUDGEMENTS,
    *cpu.JUDGEMENTS,  # last: where a host has more CPUs than there are windows, only what is niced is not seen
)
