import { fileURLToPath, URL } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// `npm run dev` serves the sources and hands everything else to a service that runs already.
const service = process.env['NEXGENT_URL'] ?? 'http://127.0.0.1:4000'

export default defineConfig({
  plugins: [vue()],
  base: './',
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: process.env['NEXGENT_WEB_OUT'] ?? fileURLToPath(new URL('../src/nexgent/web/static', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page allows nothing inline: no preload script, no data address for a script or style.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // Together they compress far better than in small pieces, and what a first view gets of others is little.
    cssCodeSplit: false,
    // The smallest pieces go with whatever needs them: alone they compress badly.
    rollupOptions: { output: { experimentalMinChunkSize: 4000 } },
    reportCompressedSize: true,
    sourcemap: false,
  },
  server: {
    proxy: {
      '/api': { target: service },
      '/ws': { target: service.replace(/^http/, 'ws'), ws: true },
    },
  },
})
