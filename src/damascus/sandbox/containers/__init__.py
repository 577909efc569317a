"""The sandbox that is a container of a project's image, by rootless Podman or Docker.

engine.py      which program makes containers here, and what it can do
images.py      an image: pulled when it is missing, and what its configuration says
runtime.py     the interpreter and the supervisor that every container is given, read-only
container_init.py   the first process in each container; it runs the supervisor
shelf.py       files of this machine at places that an engine can see
mounts.py      what a command sees, as options of the engine
start.py       one container from its start to its end
leftovers.py   containers of workers that died
service_entry.py      runs a service in its container, and opens connections to it
service_container.py  such a service, as the worker sees it
service_host.py       a sandbox whose commands have such services beside them
sandbox.py     `Container`, beside `Bubblewrap` and `Plain`
"""
