"""The worker: a process that imports a flow file once and forks a child for each task.

| file | owns |
|---|---|
| `main.py` | the two ways to start: warm worker, single task |
| `load.py` | importing the flow file as a script; choosing its flow |
| `serve.py` | the warm worker's loop: fork, reap, stop |
| `child.py` | making a forked child an ordinary process |
| `fork_safety.py` | whether children may be forked at all |
| `randomness.py` | that tasks don't share random numbers |
| `initial.py` | the values of parameters and constants |
| `task.py` | one attempt, from its order to its answer |
| `state.py` | what a flow object knows: artifacts read and set |
| `failure.py` | exceptions as data, with the user's own frames |
| `channel.py` | messages over sockets |
"""
