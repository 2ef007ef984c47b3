"""The Kubernetes side: watches in (`handlers`, `caches`), writes out (`kube`, `events`)."""
