// What is told of an expression that does not compile or fails: the first line of the evaluator's complaint, in the words that
// Kubernetes' evaluator has for it where they are known. Pure.

export function complaintOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.replace(/^No such key: /, 'no such key: ');
}
