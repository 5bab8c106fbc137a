const DESCRIPTION = '/openapi.json'
const FAR_ENOUGH = 20_000

/** The version of the service, from the beginning of the description of its API; null when it does not say. */
export async function serviceVersion(signal: AbortSignal): Promise<string | null> {
  const response = await fetch(DESCRIPTION, { credentials: 'omit', signal })
  const reader = response.body?.getReader()
  if (!response.ok || reader === undefined) return null
  const decoder = new TextDecoder()
  let text = ''
  try {
    // The description is long and the version stands in its first lines.
    while (text.length < FAR_ENOUGH) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
      const found = /"version":\s*"([^"]+)"/.exec(text)
      if (found) return found[1] ?? null
    }
    return null
  } finally {
    void reader.cancel()
  }
}
