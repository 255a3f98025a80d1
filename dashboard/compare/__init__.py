"""The Compare page: a board of maps of one film, what two of them differ in, and models over a set of films."""
