"""The part of OSS that shows what a credential may do: buckets and objects, over OSS's own REST protocol."""
