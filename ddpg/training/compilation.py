"""The compiled update in a training run: it reports its compilation, and Ctrl-C stops it."""

from collections.abc import Callable

from ddpg.agent import Values
from ddpg.errors import CompileError
from ddpg.fast.compiled import CompiledUpdate
from ddpg.fast.graph_cache import cache_folder
from ddpg.replay import Batch
from ddpg.training.interrupt import InterruptFlag


def reported_update(
    update: CompiledUpdate[Batch], interrupt: InterruptFlag, report: Callable[[str], None]
) -> Callable[[Batch], Values]:
    """Return a function that runs `update`, and reports its first call, which compiles.

    The function raises a CompileError if the compiler failed, and a KeyboardInterrupt if Ctrl-C
    stopped it.

    Args:
        update: the compiled update.
        interrupt: flag of the run.
        report: called with the activity before the first call, and with none after it.
    """

    def compile_and_run(batch: Batch) -> Values:
        report(f"compiling the update, once, into {cache_folder()}")
        try:
            return Values(*update(batch))
        except CompileError as error:
            # Ctrl-C also stops the C++ compiler.
            if interrupt.signal is not None:
                raise KeyboardInterrupt from error
            raise
        finally:
            report("")

    def run(batch: Batch) -> Values:
        return Values(*update(batch)) if update.is_compiled else compile_and_run(batch)

    return run
