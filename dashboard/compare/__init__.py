"""The Compare page: a board of maps of one film, the difference of two maps, and models over a set of films."""
