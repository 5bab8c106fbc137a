// JSON whose long numbers are not lost: one with more than 15 significant digits becomes text instead of the nearest double.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const DIGITS_OF_A_DOUBLE = 15

/** Parse JSON; a number that a double would change becomes text. */
export function parseJson(text: string): unknown {
  return JSON.parse(
    text.replace(TOKEN, (token) => (token.startsWith('"') || isSafe(token) ? token : `"${token}"`)),
  )
}

function isSafe(token: string): boolean {
  if (token.length <= DIGITS_OF_A_DOUBLE) return true
  const digits = token
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
  return digits.length <= DIGITS_OF_A_DOUBLE
}
