"""What the tests stand on, for the processes of the tests and for the programs they start.

What these import stays to their end: it is not looked through for garbage again and again, which
takes a sixth of the processor time of a short program.
"""

import atexit
import gc

gc.set_threshold(50_000, *gc.get_threshold()[1:])
atexit.register(gc.freeze)
