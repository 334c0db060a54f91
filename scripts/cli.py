"""The `weft` command."""


def main():
    print("weft")
