// The class of a mark of state, the same as templates/benchmarks/parts/state.html gives it.

export const STATE_CLASSES = { running: "running", succeeded: "good", failed: "problem", cancelled: "stopped", paused: "stopped" };
