// Write src/api/schema.d.ts from the document of the API: node scripts/types.mjs DOCUMENT OUTPUT
// A number of the API is a `Decimal`: one with more digits than a double holds arrives as text (lib/json.ts).
import { readFile, writeFile } from 'node:fs/promises'

import openapi, { astToString } from 'openapi-typescript'
import ts from 'typescript'

const [document, output] = process.argv.slice(2)
const api = JSON.parse(await readFile(document, 'utf8'))
// Refusals all have one shape (api/errors.ts).
for (const operations of Object.values(api.paths))
  for (const { responses } of Object.values(operations))
    for (const status of Object.keys(responses)) if (!status.startsWith('2')) delete responses[status]
const nodes = await openapi(api, {
  alphabetize: true,
  // What has a default may be left out of a request.
  defaultNonNullable: false,
  transform: (schema) => (schema.type === 'number' ? ts.factory.createTypeReferenceNode('Decimal') : undefined),
})
const text = astToString(nodes).replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, '')
await writeFile(output, `// Written by \`make web\` from the document of the API.\nimport type { Decimal } from '@/lib/decimal'\n\n${text}`)
