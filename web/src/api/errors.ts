/** An answer of the service that is not a success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    /** What is wrong, field by field, where the service says so. */
    readonly problems: readonly string[] = [],
    readonly retryAfterSeconds: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
  }

  get isUnreachable(): boolean {
    return this.status === 0
  }
}

/** What this page itself does not accept, with what is wrong with it. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly problems: readonly string[],
  ) {
    super(message)
    this.name = 'Refused'
  }
}

/** What to tell a person about anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 429 && error.retryAfterSeconds !== null)
      return `${error.message} Try again in ${error.retryAfterSeconds} s.`
    return error.message
  }
  return error instanceof Error ? error.message : String(error)
}

export const problemsOf = (error: unknown): readonly string[] =>
  error instanceof ApiError || error instanceof Refused ? error.problems : []
