// Runs something when the current callback is done, before anything else happens. As queueMicrotask, which however makes an
// AsyncResource for every call and costs several times as much; what is called here must not throw either way.

const settled = Promise.resolve();

export function runSoon(callback: () => void): void {
  void settled.then(callback);
}
