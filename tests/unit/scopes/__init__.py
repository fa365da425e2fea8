"""The parts of the systemd back: units, properties, annotations, D-Bus."""
