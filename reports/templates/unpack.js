// Bytes that were written as letters; a loop, as `Uint8Array.from` calls back for each of millions.
function bytes(packed) {
  const letters = atob(packed), out = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k += 1) out[k] = letters.charCodeAt(k);
  return out;
}

// Unpacks and starts the program that draws the panels. Nothing is asked of a network.
async function unpack() {
  "use strict";
  const packed = bytes(document.getElementById("plotly").textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}
