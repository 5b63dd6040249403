"""The firmware and the power supply of a Raspberry Pi."""
