"""Prints a YAML file as JSON. Its words on, off, yes and no stay text, as YAML 1.2 has it and pipelines are read."""

import json
import sys

from ruamel.yaml import YAML

with open(sys.argv[1], encoding="utf-8") as file:
    json.dump(YAML(typ="safe", pure=True).load(file), sys.stdout)
