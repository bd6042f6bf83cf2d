"""The document, and the stricter one that the daemon is held to."""

import copy
import json

import yaml
from jsonschema_rs import validator_for

METHODS = ("get", "head", "post", "put", "delete")


class Document:
    def __init__(self, path, folder):
        self.folder = folder
        with open(path) as file:
            self.tree = yaml.safe_load(file)

    def operations(self):
        """Each method and path with its operation."""
        for path, item in self.tree["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def validate(self, schema, value):
        """Ends the run unless the value is what the component schema of that name says."""
        root = {"$ref": f"#/components/schemas/{schema}", "components": closed(self.tree)["components"]}
        for error in validator_for(root).iter_errors(value):
            raise SystemExit(f"run: {json.dumps(value)} is no {schema}: {error.message}")

    def strict(self, larder):
        """The file of a document whose answers may hold nothing that it does not name.

        The published one lets new members come; a daemon that answers what is not in it has an incomplete one. The ids of
        downloads that are there are given as examples, or nothing but 404 would be seen.
        """
        tree = closed(self.tree)
        identifiers = larder.downloads()
        tree["components"]["parameters"]["ID"]["examples"] = {
            f"of a {status} one, {number}": {"value": identifier}
            for number, (status, identifier) in enumerate(identifiers)}
        # Lengths are of bytes, and JSON Schema counts characters, of up to four bytes each. A title whose name is longer is
        # another that nobody has; of users, schemathesis.toml says what may come.
        schemas = tree["components"]["schemas"]
        schemas["StartRequest"]["properties"]["content_id"]["maxLength"] //= 4
        del schemas["User"]["maxLength"]
        name = f"{self.folder}/strict.json"
        with open(name, "w") as file:
            json.dump(tree, file)
        return name


def closed(tree):
    """The same tree with `unevaluatedProperties: false` wherever an answer's object says what it holds."""
    tree = copy.deepcopy(tree)
    schemas = tree["components"]["schemas"]
    bases = set()

    def collect(node):
        if isinstance(node, dict):
            bases.update(part["$ref"].rsplit("/", 1)[1] for part in node.get("allOf", []) if "$ref" in part)
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    def close(node, is_part=False):
        if isinstance(node, list):
            for value in node:
                close(value)
        if not isinstance(node, dict):
            return
        for key, value in node.items():
            if key == "properties" or key == "schemas":
                for each in value.values():
                    close(each)
            elif key == "allOf":
                for each in value:
                    for inner in each.get("properties", {}).values():
                        close(inner)
            elif key not in ("requestBody", "parameters", "enum", "required"):
                close(value)
        if is_part or "additionalProperties" in node:
            return
        if "allOf" in node or "properties" in node or node.get("$ref", "").rsplit("/", 1)[-1] in bases:
            node["unevaluatedProperties"] = False

    collect(tree)
    for path in tree["paths"].values():
        for method in METHODS:
            for answer in path.get(method, {}).get("responses", {}).values():
                close(answer.get("content", {}))
    for answer in tree["components"]["responses"].values():
        close(answer.get("content", {}))
    for name, schema in schemas.items():
        if name != "StartRequest":
            close(schema)
            if name in bases:
                schema.pop("unevaluatedProperties", None)
    return tree
