"""Image retrieval: decode pictures, encode them, reduce the vectors with a frozen base, hash and search them.

| module | what it does |
|---|---|
| `pictures` | bytes to RGB pictures on white |
| `placeholders` | detects placeholder pictures |
| `encoders` | pictures to vectors: our own network, HOG, gradients, perceptual hash, ONNX, torchvision |
| `base` | the frozen, label-free base that reduces vectors once |
| `lsh`, `rotations` | vectors to packed binary codes |
| `subcodes` | codes to 16-bit subcodes, and the pigeonhole search based on them |
| `hamming` | the embedded index: codes first, then exact cosine of a shortlist |
| `mutable`, `rolling` | an embedded index whose items come and go, over a rolling time window |
| `elastic` | the index on Elasticsearch |
| `training` | how our own network was trained |
"""
