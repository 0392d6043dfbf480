/** EventBridge's schedule: calls a function every so many seconds, for the first time after as many. Failing is its own affair. */
export function startClock({
  everySeconds,
  invoke,
}: {
  everySeconds: number;
  invoke(event: unknown): Promise<unknown>;
}) {
  let inHand: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    inHand = invoke({}).catch(() => {});
  }, everySeconds * 1000);
  return {
    /** Calls no more, and waits for what is in hand. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await inHand;
    },
  };
}
