// Bytes that were written as letters; a loop, as `Uint8Array.from` calls back for each of millions.
function bytes(packed) {
  const letters = atob(packed), out = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k += 1) out[k] = letters.charCodeAt(k);
  return out;
}

// Unpacks and starts the program that draws the panels; `program` says when it is there. Nothing is asked of a network.
const program = (async function () {
  "use strict";
  const packed = bytes(document.getElementById("plotly").textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
})();
program.catch(function () {
  document.getElementById("panels").textContent = "The panels need a browser of 2023 or later; charts and tables do not.";
});
