"""What is the same for every kind: queue, pipeline, report and sweeps. It knows the kinds by their verbs only."""
