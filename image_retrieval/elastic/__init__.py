"""The image index on Elasticsearch, for catalogues that outgrow one machine.

Documents are images. Each version of the codes has one alias for its indices, which are slices of time. A document's
id is derived from the image's id, so anything can safely be sent again.

| module | what it does |
|---|---|
| `patience` | retries requests when the cluster is busy or a node is lost, and reports errors in one line |
| `mapping` | the contents of one version of the index: its fields, and how it is searched |
| `documents` | turns one image into one document, and checks it before it is sent |
| `slices` | the rolling window: slices of time behind aliases, several versions side by side |
| `load` | streams documents in, replaces earlier ones, removes them |
| `filters` | turns a `Filter` into Elasticsearch queries |
| `nearest` | finds the nearest codes |
| `search` | `ElasticIndex`: implements the contract of an index |
| `live` | `LiveElasticIndex`: implements the contract of an index whose items come and go |
| `check` | compares the index with what it should contain, repairs it, audits a version before it becomes current |
"""
