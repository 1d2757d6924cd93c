// The page becomes one document, one script and one style sheet, which src/page builds into the program.
import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the page's policy takes no inline styles or scripts
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: { inlineDynamicImports: true, entryFileNames: "assets/page-[hash].js", assetFileNames: "assets/page-[hash][extname]" },
    },
  },
  // For work on the page: `npx vite` beside a running server.
  server: { proxy: { "/v1": "http://127.0.0.1:11435", "/sarai": "http://127.0.0.1:11435" } },
});
