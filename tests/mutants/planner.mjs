const interleave = 'tests/engine/interleave.test.ts'
const variables = 'tests/engine/variables.test.ts'
const errors = 'tests/engine/errors.test.ts'
const passes = 'tests/engine/passes.test.ts'
const counts = 'tests/engine/counts.test.ts'
const memory = 'tests/engine/memory.test.ts'
const queue = 'tests/engine/queue.test.ts'
const eager = 'tests/engine/eager.test.ts'
const placement = 'tests/engine/placement.test.ts'
const joining = 'tests/engine/random-fusion.test.ts'

/** Breakages of the graph, the planner and the queue. `tests` are the files of which at least one must fail. */
export const planner = [
  {
    name: 'liveness ends one step too early',
    file: 'src/graph/tasks.ts',
    search: 'const to = Math.max(at, lastRead.get(value) ?? at)',
    replace: 'const to = Math.max(at, (lastRead.get(value) ?? at) - 1)',
    tests: [interleave],
  },
  {
    name: 'a slot is given away in the step that still reads it',
    file: 'src/graph/passes/memory.ts',
    search: 'other.to < chain.from || chain.to < other.from',
    replace: 'other.to <= chain.from || chain.to < other.from',
    tests: [passes, interleave],
  },
  {
    name: 'in place without looking whether elements stay in place',
    file: 'src/graph/tasks.ts',
    search: 'if (dying && emitMap(group, fusion, null).alignedOnly.has(dying)) {',
    replace: 'if (dying) {',
    tests: [placement],
  },
  {
    name: 'two values take over one slot',
    file: 'src/graph/tasks.ts',
    search: 'taken.add(takes)\n',
    replace: '\n',
    tests: [placement, interleave, variables, counts],
  },
  {
    name: 'outputs may be overwritten within the step',
    file: 'src/graph/tasks.ts',
    search: "if (options.outputs === 'slots') for (const v of settled.outputs) lastRead.set(v, order.length)",
    replace: '',
    tests: [interleave],
  },
  {
    name: 'versions of variables ignored: reads do not wait for writes',
    file: 'src/graph/tasks.ts',
    search: 'if (read && w.version > read.version) follow(w.task, i)',
    replace: 'if (read && w.version > read.version) continue',
    tests: [interleave, variables],
  },
  {
    name: 'edges from producers to readers dropped',
    file: 'src/graph/tasks.ts',
    search: 'for (const before of producer.get(v) ?? []) follow(i, before)',
    replace: '',
    tests: [interleave],
  },
  {
    name: 'writes of one variable not ordered',
    file: 'src/graph/tasks.ts',
    search: 'if (a.version < b.version) follow(b.task, a.task)',
    replace: 'if (a.version > b.version + 99) follow(b.task, a.task)',
    tests: [interleave, variables],
  },
  {
    name: 'variables of one arena bound read-only and writable at once',
    file: 'src/graph/tasks.ts',
    search: 'return home !== undefined && arenaOf(home) === arena',
    replace: 'return home !== undefined && home === assignment.variable',
    tests: [interleave, variables],
  },
  {
    name: 'a value assigned twice shares one destination',
    file: 'src/graph/effects.ts',
    search: 'const isElsewhere = isLeaf(base) || claimed.has(base)',
    replace: 'const isElsewhere = isLeaf(base)',
    tests: [interleave, variables],
  },
  {
    name: 'lazy readers not kept before a write',
    file: 'src/graph/variable.ts',
    search: 'if (reader && !preserve(reader)) reader.overwritten = true',
    replace: '',
    tests: [interleave, variables],
  },
  {
    name: 'lazy readers of outputs not kept when the ring comes round',
    file: 'src/graph/compiled-plan.ts',
    search: 'if (old && !preserve(old)) old.overwritten = true',
    replace: '',
    tests: [interleave, variables, errors],
  },
  {
    name: 'stale outputs not noticed',
    file: 'src/graph/compiled-plan.ts',
    search: 'const stamp = ++storage.stamp',
    replace: 'const stamp = storage.stamp',
    tests: [errors, interleave],
  },
  {
    name: 'guards ignored',
    file: 'src/graph/compiled-plan.ts',
    search: 'if (!Object.is(g.get(), g.value)) return false',
    replace: 'if (Object.is(g, null)) return false',
    tests: [variables],
  },
  {
    name: 'a plan kept although its variables moved together',
    file: 'src/graph/compiled-plan.ts',
    search: 'if ((this.variables[i] as Variable).arena !== this.arenas[i]) return false',
    replace: '',
    tests: [interleave],
  },
  {
    name: 'host numbers as they were when the step was traced',
    file: 'src/graph/compiled-plan.ts',
    search: '(h) => h.now()',
    replace: '(h) => h.captured',
    tests: [variables],
  },
  {
    name: 'what a step holds from outside computed anew in every step',
    file: 'src/graph/traced.ts',
    search: 'realize(heldValues(gather(), since))',
    replace: 'heldValues(gather(), since)',
    tests: [interleave, variables],
  },
  {
    name: 'parts of a pack all at its start',
    file: 'src/graph/tasks.ts',
    search: "places.set(part.root, { space: 'fixed', index, offset: part.offset })",
    replace: "places.set(part.root, { space: 'fixed', index, offset: 0 })",
    tests: [placement],
  },
  {
    name: 'common subexpressions found without their attributes',
    file: 'src/graph/passes/simplify.ts',
    search: '${node.op.name}|${JSON.stringify(node.attrs)}|',
    replace: '${node.op.name}|',
    tests: [interleave, eager, counts],
  },
  {
    name: 'plans found again without their attributes',
    file: 'src/graph/program.ts',
    search: '${node.op.name} ${JSON.stringify(node.attrs)} (',
    replace: '${node.op.name} (',
    tests: [eager],
  },
  {
    name: 'one block of scratch in two slots',
    file: 'src/gpu/scratch.ts',
    search: 'taken.add(block)\n',
    replace: '\n',
    tests: [interleave, memory],
  },
  {
    name: 'a job overtakes those that wait',
    file: 'src/gpu/queue.ts',
    search: 'if (!this.running && this.waiting.length === 0 && this.hasRoom()) this.start(job)',
    replace: 'if (!this.running && this.hasRoom()) this.start(job)',
    tests: [queue],
  },
  {
    name: 'a kernel also stores what waits for it',
    file: 'src/graph/passes/groups.ts',
    search: 'if (reads.some((b) => !given.has(b) && needs(b, host, joined))) continue',
    replace: '',
    tests: [joining],
  },
  {
    name: 'a kernel also stores what reads other elements of its root',
    file: 'src/graph/passes/groups.ts',
    search: ' || !isMadeAlong(v, given, inlined)',
    replace: '',
    tests: [joining],
  },
  {
    name: 'a root is not stored although others read it',
    file: 'src/graph/passes/groups.ts',
    search: ' || [...readers.ends].some((v) => !also.includes(v))',
    replace: '',
    tests: [joining],
  },
]
