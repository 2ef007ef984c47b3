"""The metadata service: what 100.100.100.200 answers inside an instance. `service.MetadataService` is the door."""
