"""The image index on Elasticsearch: for catalogues that outgrow one machine.

Documents are images. Time-sliced indices stand behind one alias a version of codes; all that is written has an
identifier that follows from the image's, so that whatever was sent may be sent again.

| module | what it does |
|---|---|
| `patience` | asks the cluster again where it is busy or a node has gone, and says what is wrong in one line |
| `mapping` | what one version of the index holds: its fields, and how it is searched |
| `documents` | one image to one document, checked before it is sent |
| `slices` | the rolling window: slices of time behind aliases, versions side by side |
| `load` | streams documents in, replaces what was there, removes |
| `filters` | a `Filter` in the words of Elasticsearch |
| `search` | `ElasticIndex`: meets the contract of an index |
| `live` | `LiveElasticIndex`: meets the contract of an index whose items come and go |
| `check` | compares the index with what it should hold, fixes it, audits a version before it comes into force |
"""
