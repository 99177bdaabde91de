// What XState does with a config and a script: one JSON object a line in, one out. Needs `npm install xstate@5`.
//
//   {"config": ..., "facts": {"g": true}, "script": ["A", 1000, ["done", "load"]]}
//
// answers with the active leaves, the actions in order and whether it has ended: at first, and after each happening.
import { createInterface } from "node:readline";
import { createActor, fromPromise, raise, setup, SimulatedClock } from "xstate";

const STEP = 500;
const never = fromPromise(() => new Promise(() => {}));
const known = (node, found) => {
  for (const value of Object.values(node)) {
    if (typeof value === "string") found.add(value);
    else if (value && typeof value === "object") known(value, found);
  }
  return found;
};

function run({ config, facts, script }) {
  let told = [];
  const noted = (name) => () => told.push(name);
  const actions = Object.fromEntries([...known(config, new Set())].map((name) => [name, noted(name)]));
  actions["xstate.raise"] = raise((_, params) => params.event);
  const guards = Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, () => fact]));
  const actors = { load: never, save: never };
  const clock = new SimulatedClock();
  const machine = setup({ actions, guards, actors }).createMachine({ ...config, options: { maxIterations: 200 } });
  const actor = createActor(machine, { clock });
  const answered = new Set();
  let failed = null;
  actor.subscribe({ error: (error) => (failed = error) });
  const seen = () => {
    if (failed) throw failed;
    const snapshot = actor.getSnapshot();
    if (snapshot.status === "error") throw new Error("a failure that nothing handled");
    const leaves = snapshot._nodes.filter((node) => !Object.keys(node.states).length);
    leaves.sort((a, b) => a.order - b.order);
    const now = { state: leaves.map((node) => node.path.join(".")), told, done: snapshot.status === "done" };
    told = [];
    return now;
  };
  actor.start();
  const trace = [seen()];
  for (const happening of script) {
    if (typeof happening === "number") {
      // a timer set on the way counts from the end of an increment, so time goes in steps that divide all delays
      for (let gone = 0; gone < happening; gone += STEP) clock.increment(STEP);
    } else if (typeof happening === "string") actor.send({ type: happening });
    else {
      const [how, source] = happening;
      const children = Object.entries(actor.getSnapshot().children);
      const open = children.filter(([, child]) => child.src === source && !answered.has(child));
      if (open.length && actor.getSnapshot().status === "active") {
        const [id, child] = open[0]; // the oldest
        answered.add(child);
        actor.send({ type: `xstate.${how}.actor.${id}` });
      }
    }
    trace.push(seen());
  }
  return trace;
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { trace: run(JSON.parse(line)) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  console.log(JSON.stringify(answer));
}
