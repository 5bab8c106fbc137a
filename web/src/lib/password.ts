// What a password of this service needs, and one that has it.
export const LEAST = 8
export const PASSWORD_HELP = `At least ${LEAST} characters with upper and lower case, a digit and another character.`

const KINDS = [
  [/[A-Z]/, 'an upper-case letter'],
  [/[a-z]/, 'a lower-case letter'],
  [/\d/, 'a digit'],
  [/[^A-Za-z0-9]/, 'another character, such as a dash'],
] as const
// Without letters and digits that look alike.
const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const GROUPS = 4
const GROUP_LENGTH = 5

/** What a password lacks, as a sentence; nothing for a good one, and for none at all. */
export function weaknessOf(password: string): string | undefined {
  if (password === '') return undefined
  if (password.length < LEAST) return `At least ${LEAST} characters.`
  const missing = KINDS.filter(([kind]) => !kind.test(password)).map(([, what]) => what)
  return missing.length ? `It still needs ${missing.join(', ')}.` : undefined
}

/** A password that nobody guesses and that can be read out: 20 random letters and digits in groups. */
export function randomPassword(): string {
  for (;;) {
    const groups = Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_LENGTH }, letter).join(''))
    const made = groups.join('-')
    if (weaknessOf(made) === undefined) return made
  }
}

function letter(): string {
  const most = 256 - (256 % LETTERS.length)
  for (;;) {
    // Bytes above a multiple of the number of letters would make some of them more likely.
    const byte = crypto.getRandomValues(new Uint8Array(1))[0] ?? 255
    if (byte < most) return LETTERS[byte % LETTERS.length] ?? ''
  }
}
