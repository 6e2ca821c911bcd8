"""The official client against the fake: whatever it asks for is answered, in the form that it documents.

pydo says in the doc strings of its operations what bodies and answers look like, key by key, as DigitalOcean's specification has them. So
each answer of the fake, and each request of the crate that is tested with it, is held against what a stranger has written.
"""

import json
import re
import sys

import pydo
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy

KEY = re.compile(r'^"([^"]+)":\s*(.*)$')


class Form:
    """An object, as it is documented: its keys, each with its own form if it is an object or a list of some."""

    def __init__(self):
        self.keys = {}
        self.required = set()


# What is documented as an object of which nothing is said.
ANYTHING = Form()


def form(operation, marker):
    """The form behind a marker in an operation's doc string; None: it documents none."""
    lines = [line.strip() for line in (operation.__doc__ or "").split("\n")]
    begin = next((at for at, line in enumerate(lines) if line.endswith(marker + " {")), None)
    if begin is None:
        return None
    top = Form()
    # What is open: forms, and lists by the form of what is in them.
    stack, last = [top], None
    for line in lines[begin + 1 :]:
        key = KEY.match(line)
        if line.startswith(("}", "]")):
            stack.pop()
            if not stack:
                return top
        elif line.startswith("{"):
            stack.append(stack[-1])
        elif key:
            name, value = key.groups()
            own = stack[-1]
            if value.startswith(("{}", "[]")):
                own.keys[name] = ANYTHING
            elif value.startswith(("{", "[")):
                inner = own.keys.get(name) or Form()
                own.keys[name] = inner
                stack.append(inner)
            else:
                own.keys[name] = None
                if "Required." in value:
                    own.required.add(name)
                last = (own, name)
        elif last and "Required." in line:
            last[0].required.add(last[1])
    raise AssertionError(f"{operation.__name__}: what it documents does not end")


def holds(value, documented, path):
    """That a value has the form, with nothing else in it."""
    if documented is ANYTHING:
        return
    if isinstance(value, list):
        for item in value:
            holds(item, documented, path + "[]")
    elif isinstance(value, dict):
        assert documented is not None, f"{path} is an object"
        if "str" in documented.keys:
            return
        if "imgages" in documented.keys:
            # The specification has a slip there.
            documented.keys["images"] = documented.keys["imgages"]
        surplus = set(value) - set(documented.keys)
        assert not surplus, f"{path} has what nobody documents: {sorted(surplus)}"
        missing = documented.required - set(value)
        assert not missing, f"{path} lacks {sorted(missing)}"
        for key, inner in value.items():
            holds(inner, documented.keys[key], f"{path}.{key}")


held = 0


def ask(operation, **arguments):
    """Asks, and holds the answer against its form."""
    global held
    answer = operation(**arguments)
    documented = form(operation, "response ==")
    if answer is not None and documented is not None:
        held += 1
        holds(answer, documented, operation.__qualname__)
    return answer


def refused(status, operation, **arguments):
    """What it says when it refuses."""
    try:
        answer = operation(**arguments)
    except HttpResponseError as error:
        assert error.status_code == status, (error.status_code, error.message)
        body = json.loads(error.response.text())
    else:
        # Some refusals are answers to it.
        body = answer
    assert isinstance(body.get("id"), str) and isinstance(body.get("message"), str), body
    return body["message"]


def life(client, pass_time):
    """Everything that the crate uses, by a stranger."""
    sizes = ask(client.sizes.list, per_page=200)["sizes"]
    assert any(size["slug"] == "g-2vcpu-8gb" and "fra1" in size["regions"] for size in sizes)
    vpcs = ask(client.vpcs.list)["vpcs"]
    vpc = next(vpc for vpc in vpcs if vpc["region"] == "fra1" and vpc["default"])

    for name in ["one", "two", "one"]:
        ask(client.tags.create, body={"name": name})
    assert ask(client.tags.list, per_page=1)["links"]["pages"]["next"]
    assert [tag["name"] for tag in ask(client.tags.list, page=2, per_page=1)["tags"]] == ["two"]

    disk = {"name": "data", "region": "fra1", "size_gigabytes": 8, "tags": ["one"]}
    volume = ask(client.volumes.create, body=disk)["volume"]
    assert "already exists" in refused(409, client.volumes.create, body=disk)
    found = ask(client.volumes.list, name="data", region="fra1")["volumes"]
    assert [there["id"] for there in found] == [volume["id"]]
    assert ask(client.volumes.get, volume_id=volume["id"])["volume"]["droplet_ids"] == []

    wanted = {
        "name": "web-1",
        "region": "fra1",
        "size": "g-2vcpu-8gb",
        "image": "debian-12-x64",
        "volumes": [volume["id"]],
        "vpc_uuid": vpc["id"],
        "tags": ["one", "two"],
        "user_data": "#!/bin/sh\n",
    }
    droplet = ask(client.droplets.create, body=wanted)["droplet"]
    assert droplet["status"] == "new" and droplet["locked"]
    assert "pending event" in refused(422, client.droplets.destroy, droplet_id=droplet["id"])
    again = {key: value for key, value in wanted.items() if key != "volumes"}
    twin = ask(client.droplets.create, body=again)["droplet"]
    assert twin["id"] != droplet["id"], "of a name there can be many"
    assert "volume" in refused(422, client.droplets.create, body=wanted)
    assert "size" in refused(422, client.droplets.create, body={**again, "size": "none"})

    seen = pass_time(lambda: ask(client.droplets.get, droplet_id=droplet["id"])["droplet"], "active")
    assert seen["volume_ids"] == [volume["id"]] and seen["vpc_uuid"] == vpc["id"]
    assert sorted(network["type"] for network in seen["networks"]["v4"]) == ["private", "public"]
    assert len(ask(client.droplets.list, tag_name="two")["droplets"]) == 2
    assert ask(client.droplets.list, tag_name="none")["droplets"] == []
    assert "attached" in refused(409, client.volumes.delete, volume_id=volume["id"])
    assert "powered on" in refused(422, client.droplet_actions.post, droplet_id=droplet["id"], body={"type": "power_on"})
    ask(client.droplet_actions.post, droplet_id=droplet["id"], body={"type": "power_off"})
    ask(client.droplet_actions.post, droplet_id=droplet["id"], body={"type": "power_on"})

    resources = {"resources": [{"resource_id": str(droplet["id"]), "resource_type": "droplet"}]}
    ask(client.tags.create, body={"name": "three"})
    client.tags.assign_resources(tag_id="three", body=resources)
    assert ask(client.tags.get, tag_id="three")["tag"]["resources"]["droplets"]["count"] == 1
    client.tags.unassign_resources(tag_id="three", body=resources)
    client.tags.delete(tag_id="three")
    assert refused(404, client.tags.get, tag_id="three")

    rules = {
        "inbound_rules": [{"protocol": "tcp", "ports": "6379", "sources": {"addresses": ["10.0.0.0/8"], "tags": ["one"]}}],
        "outbound_rules": [{"protocol": "tcp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}}],
    }
    wall = {"name": "wall", "tags": ["one"], **rules}
    firewall = ask(client.firewalls.create, body=wall)["firewall"]
    assert "duplicate" in refused(409, client.firewalls.create, body=wall)
    assert "does not exist" in refused(422, client.firewalls.create, body={**wall, "name": "other", "tags": ["none"]})
    assert [there["id"] for there in ask(client.firewalls.list)["firewalls"]] == [firewall["id"]]
    ask(client.firewalls.update, firewall_id=firewall["id"], body={**wall, "outbound_rules": []})
    assert ask(client.firewalls.get, firewall_id=firewall["id"])["firewall"]["outbound_rules"] == []
    client.firewalls.delete(firewall_id=firewall["id"])
    assert refused(404, client.firewalls.get, firewall_id=firewall["id"])

    client.droplets.destroy(droplet_id=droplet["id"])
    client.droplets.destroy(droplet_id=twin["id"])
    pass_time(lambda: {"status": str(len(ask(client.droplets.list)["droplets"]))}, "0")
    assert refused(404, client.droplets.get, droplet_id=droplet["id"])
    client.volumes.delete(volume_id=volume["id"])
    assert ask(client.volumes.list)["volumes"] == []


def pass_time(look, status):
    """Looks until something has this status: with each call time passes there."""
    for _ in range(100):
        seen = look()
        if seen["status"] == status:
            return seen
    raise AssertionError(f"never {status}")


def main():
    given = json.load(sys.stdin)
    # Its own policy gives the token away over TLS alone, which is right, and the fake has none.
    bearer = AzureKeyCredentialPolicy(AzureKeyCredential(given["token"]), "Authorization", prefix="Bearer")
    client = pydo.Client(given["token"], endpoint=given["endpoint"], authentication_policy=bearer)
    bodies = set()
    for name, body in given["requests"]:
        group, operation = name.split(".")
        operation = getattr(getattr(client, group), operation)
        documented = form(operation, "body =")
        # Of what can have several forms (droplets, volumes, actions) none is documented.
        if documented is not None:
            holds(body, documented, name)
            bodies.add(name)
    assert len(bodies) == 4, f"only these requests were held against their forms: {bodies}"
    life(client, pass_time)
    assert held > 20, f"only {held} answers were held against their forms"
    print(f"{len(bodies)} kinds of requests and {held} answers are as documented")


main()
