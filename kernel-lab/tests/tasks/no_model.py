"""Not a task: there is no Model."""


def get_inputs():
    return []
