// Transactions that may wait, and their handles.

import { hidden, native } from "facetbox:base";
import { unsendable } from "facetbox:held";
import { methods } from "facetbox:storage";

const open = []; // states of the transactions that are open, the innermost last

const State = hidden(); // of a transaction, behind its handle

/** The state of a handle whose transaction is open. */
function stateOf(txn, name) {
  const state = State.get(txn);
  if (state === undefined) throw new TypeError("Illegal invocation");
  if (state.rolledBack) throw new Error(`Cannot ${name}() on rolled back transaction`);
  if (state.ended) {
    throw new Error(
      `Cannot call ${name}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
    );
  }
  return state;
}

const newTransaction = unsendable("DurableObjectTransaction", {
  ...methods(stateOf),
  rollback() {
    if (State.get(this)?.rolledBack) return;
    const state = stateOf(this, "rollback");
    if (open.at(-1) !== state) {
      throw new Error("Cannot roll back an outer transaction while a nested transaction is still running.");
    }
    state.rolledBack = true;
    native.finish(state.depth, false);
  },
  async deleteAll() {
    throw new Error("Cannot call deleteAll() within a transaction");
  },
});

function handle(state) {
  return new State(newTransaction(), state);
}

/** Keeps other events out until the end. What was written before is committed first. */
export async function transaction(callback) {
  if (typeof callback !== "function") throw new TypeError("The argument of transaction() must be a function.");
  const task = native.block_begin();
  try {
    return await transact(callback, task);
  } finally {
    native.block_end(task);
  }
}

/** Waits for the end of a transaction, and goes on in the event of this one, whichever has ended that. */
async function over(state, task) {
  await state.over;
  await native.block_on(task);
}

async function transact(callback, task) {
  await native.sync();
  // Those of calls that have come into this event's turn end first: what is in this one is no part of them.
  while (open.at(-1)?.task > task) await over(open.at(-1), task);
  const state = { depth: native.begin(true), task, rolledBack: false, ended: false };
  let end;
  state.over = new Promise((resolve) => (end = resolve));
  open.push(state);
  let commit = false;
  try {
    const result = await callback(handle(state));
    commit = true;
    return result;
  } finally {
    // One that was begun beside this one, rather than within it, ends first.
    while (open.at(-1) !== state) await over(open.at(-1), task);
    open.pop();
    state.ended = true;
    end();
    if (!state.rolledBack) native.finish(state.depth, commit);
  }
}
