"""All judgements, in the order in which they are watched and judged."""

from sysvitals.judgement.clock import judge as clock
from sysvitals.judgement.exporter import judge as exporter
from sysvitals.judgement.heat import judge as heat
from sysvitals.judgement.power import judge as power

JUDGEMENTS = (
    *power.JUDGEMENTS,
    *heat.JUDGEMENTS,
    *clock.JUDGEMENTS,
    *exporter.JUDGEMENTS,
)
