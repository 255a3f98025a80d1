"""The what-if bench of the pages Read and Trust: edit the film and predict again."""
