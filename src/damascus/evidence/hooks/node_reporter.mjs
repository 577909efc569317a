// Reports the tests of Node's own runner: one line of JSON a test, by file and full title.
export default async function* report(source) {
  const above = [];
  for await (const { type, data } of source) {
    if (type === "test:start") {
      above.length = data.nesting;
      above[data.nesting] = data.name;
    } else if (type === "test:pass" || type === "test:fail") {
      const kind = data.details?.type;
      const file = data.file ?? "";
      // A suite fails with its tests; by itself only where a hook of its own does.
      if (kind === "suite" && (type === "test:pass" || data.details?.error?.failureType === "subtestsFailed")) continue;
      const skipped = data.skip !== undefined || data.todo !== undefined;
      const outcome = skipped ? "skipped" : type === "test:pass" ? "passed" : "failed";
      const titles = [...above.slice(0, data.nesting), data.name];
      yield `${JSON.stringify({ file, titles, outcome })}\n`;
    }
  }
  yield `${JSON.stringify({ end: true })}\n`;
}
