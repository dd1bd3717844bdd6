// What tests of alarms need: a clock that they move, and classes.

import { DurableObject, ManualClock } from "facetbox";
import { runtimeFor } from "./support.mjs";

export const START = Date.UTC(2027, 0, 15, 8);
export const MINUTE = 60_000;

/** A runtime whose alarms fire when a test says so, and its clock. */
export async function manual(test, path, clock = new ManualClock(START)) {
  return { clock, runtime: await runtimeFor(test, path, { clock, alarms: "manual" }) };
}

/** Sets its alarm, and has no handler for it. */
export class Silent extends DurableObject {
  async set(time) {
    await this.ctx.storage.setAlarm(time);
    return this.get();
  }

  get() {
    return this.ctx.storage.getAlarm();
  }

  async delete() {
    await this.ctx.storage.deleteAlarm();
  }
}

/** Remembers what its handler was told. */
export class Recorder extends Silent {
  alarm(info) {
    this.ctx.storage.kv.put("told", [...this.told(), info]);
  }

  told() {
    return this.ctx.storage.kv.get("told") ?? [];
  }
}

export const told = (scheduledTime, retryCount = 0) => ({
  scheduledTime,
  retryCount,
  isRetry: retryCount > 0,
});
