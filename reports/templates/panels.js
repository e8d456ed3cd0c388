// Draws the interactive panels from the numbers in #series. One time axis for all: zooming one zooms all, and the other
// axes follow what is in view. Colours are those of the page's style, light or dark.
(function () {
  "use strict";
  const box = document.getElementById("panels");
  const series = JSON.parse(document.getElementById("series").textContent);
  const chooser = document.getElementById("instrument");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 600px)");
  const coarse = matchMedia("(pointer: coarse)");
  const PANELS = [
    { key: "equity", title: "Equity [" + series.unit + "], thin: lowest inside bars" },
    { key: "drawdown", title: "Drawdown inside bars [%]" },
    { key: "ratio", title: "Worst margin ratio; liquidated at 1", fixed: [0, 1.12] },
    { key: "price", title: "" },
    { key: "funding", title: "Funding paid so far [" + series.unit + "]" },
  ];
  const PAD = 0.06; // of what is in view, above and below

  function bytes(packed) {
    return Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)).buffer;
  }

  // A series' points, unpacked once: times as the plot's dates, values with null for gaps.
  function points(packed) {
    if (!packed.points) {
      const x = Array.from(new Int32Array(bytes(packed.x)), (second) => series.start + 1000 * second);
      const y = Array.from(new Float32Array(bytes(packed.y)), (value) => (Number.isFinite(value) ? value : null));
      packed.points = { x: x, y: y };
    }
    return packed.points;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function line(packed, panel, mode, more) {
    const look = { color: mode < 0 ? colour("--ink") : colour("--mode-" + (mode + 1)), width: 1.4 };
    if (mode >= 0) look.dash = series.modes[mode].dash;
    return Object.assign(
      {
        type: "scatter", mode: "lines", x: points(packed).x, y: points(packed).y, yaxis: axis(panel), panel: panel,
        name: mode < 0 ? "" : series.modes[mode].name, line: Object.assign(look, more && more.look),
        hovertemplate: "%{y:,.6~g}", hoverlabel: { namelength: -1 },
      },
      more && more.trace
    );
  }

  function marks(packed, panel, mode) {
    return {
      type: "scatter", mode: "markers", x: points(packed).x, y: points(packed).y, text: packed.text, yaxis: axis(panel),
      panel: panel, name: series.modes[mode].name + ": liquidated", hovertemplate: "%{text}",
      hoverlabel: { namelength: -1 },
      marker: {
        color: colour("--mode-" + (mode + 1)), symbol: series.modes[mode].sign, size: 8,
        line: { color: colour("--paper"), width: 1 },
      },
    };
  }

  function axis(panel) {
    return panel === 0 ? "y" : "y" + (panel + 1);
  }

  function traces() {
    const out = [];
    const silent = { hoverinfo: "skip", hovertemplate: null };
    series.modes.forEach(function (_, mode) {
      out.push(line(series.curves.low[mode], 0, mode, { look: { width: 0.6, dash: "solid" }, trace: silent }));
      out.push(line(series.curves.equity[mode], 0, mode));
      out.push(line(series.curves.drawdown[mode], 1, mode));
      out.push(line(series.curves.ratio[mode], 2, mode, { look: { width: 1 } }));
      out.push(line(series.curves.funding[mode], 4, mode));
      out.push(marks(series.marks[mode], 0, mode));
    });
    const chosen = series.instruments[chooser ? chooser.selectedIndex : 0];
    if (!chosen) return out;
    const edge = { width: 0, dash: "solid" };
    out.push(line(chosen.low, 3, -1, { look: edge, trace: silent }));
    out.push(line(chosen.high, 3, -1, {
      look: edge, trace: Object.assign({ fill: "tonexty", fillcolor: colour("--shade") }, silent),
    }));
    out.push(line(chosen.price, 3, -1, { trace: { name: "mark" } }));
    chosen.lines.forEach(function (lines, mode) {
      lines.forEach(function (packed) {
        out.push(line(packed, 3, mode, { look: { width: 1 }, trace: { name: series.modes[mode].name + ": line" } }));
      });
    });
    chosen.marks.forEach((packed, mode) => out.push(marks(packed, 3, mode)));
    return out;
  }

  // Least and greatest value of a panel between two times, with some room.
  function extent(panel, from, to) {
    let low = Infinity, high = -Infinity;
    drawn.filter((trace) => trace.panel === panel).forEach(function (trace) {
      trace.x.forEach(function (time, k) {
        const value = trace.y[k];
        if (time >= from && time <= to && value !== null) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      });
    });
    if (low > high) return [-1, 1];
    const room = PAD * (high - low) || Math.abs(high) * 0.01 || 1;
    return [low - room, high + room];
  }

  function layout(from, to) {
    const small = narrow.matches, gap = 0.035, tall = (1 - gap * (PANELS.length - 1)) / PANELS.length;
    const out = {
      height: small ? 900 : 1000, margin: { l: small ? 46 : 64, r: small ? 8 : 16, t: 24, b: 40 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified",
      hoversubplots: "axis", dragmode: coarse.matches ? false : "zoom",
      font: { color: colour("--ink"), size: small ? 11 : 12, family: getComputedStyle(document.body).fontFamily },
      hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      xaxis: {
        type: "date", range: [from, to], gridcolor: colour("--line"), linecolor: colour("--muted"),
        anchor: axis(PANELS.length - 1), nticks: small ? 4 : 9, hoverformat: "%Y-%m-%d %H:%M UTC",
      },
      annotations: [], shapes: [],
    };
    PANELS.forEach(function (panel, k) {
      const top = 1 - k * (tall + gap), name = "yaxis" + (k ? k + 1 : "");
      out[name] = {
        domain: [Math.max(top - tall, 0), top], fixedrange: true, range: panel.fixed || extent(k, from, to),
        gridcolor: colour("--line"), zerolinecolor: colour("--line"), nticks: 4, anchor: "x",
      };
      const chosen = series.instruments[chooser ? chooser.selectedIndex : 0];
      const title = panel.key === "price" ? escaped(chosen ? chosen.name : "") + ": mark and liquidation lines" : panel.title;
      out.annotations.push({
        text: title, xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom", showarrow: false,
        font: { size: small ? 11 : 12, color: colour("--muted") },
      });
    });
    out.shapes.push({
      type: "line", xref: "paper", x0: 0, x1: 1, yref: "y3", y0: 1, y1: 1, line: { color: colour("--warning"), width: 1 },
    });
    return out;
  }

  // The plot reads a few tags in its texts: what comes from a user is only text.
  function escaped(words) {
    return words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  const all = series.curves.equity[0] ? points(series.curves.equity[0]).x : [series.start];
  const whole = [series.start, Math.max(all[all.length - 1], series.start + 1000)];
  let view = whole.slice(), drawn = [];

  function draw() {
    drawn = traces();
    return Plotly.react(box, drawn, layout(view[0], view[1]), { displayModeBar: false, responsive: true });
  }

  function show(from, to) {
    const least = (whole[1] - whole[0]) / 1e4, span = Math.min(Math.max(to - from, least), whole[1] - whole[0]);
    const start = Math.min(Math.max(from, whole[0]), whole[1] - span);
    view = [start, start + span];
    return draw();
  }

  const MOVES = {
    back: (from, to) => [from - (to - from) / 4, to - (to - from) / 4],
    forward: (from, to) => [from + (to - from) / 4, to + (to - from) / 4],
    nearer: (from, to) => [from + (to - from) / 4, to - (to - from) / 4],
    farther: (from, to) => [from - (to - from) / 2, to + (to - from) / 2],
    whole: () => whole,
  };
  const KEYS = { ArrowLeft: "back", ArrowRight: "forward", "+": "nearer", "-": "farther", Home: "whole" };

  function move(name) {
    const wanted = MOVES[name](view[0], view[1]);
    return show(wanted[0], wanted[1]);
  }

  draw().then(function () {
    box.setAttribute("data-ready", "yes");
    box.on("plotly_relayout", function (change) {
      if (change["xaxis.range[0]"] !== undefined) {
        show(+new Date(utc(change["xaxis.range[0]"])), +new Date(utc(change["xaxis.range[1]"])));
      } else if (change["xaxis.autorange"]) {
        show(whole[0], whole[1]);
      }
    });
  });

  // The plot names times without saying that they are UTC.
  function utc(time) {
    return typeof time === "string" ? time.replace(" ", "T") + (time.includes(":") ? "Z" : "") : time;
  }

  if (chooser) chooser.addEventListener("change", draw);
  document.querySelectorAll("[data-move]").forEach(function (button) {
    button.addEventListener("click", () => move(button.getAttribute("data-move")));
  });
  box.addEventListener("keydown", function (event) {
    if (event.target === box && KEYS[event.key] && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      move(KEYS[event.key]);
    }
  });
  [dark, narrow].forEach((query) => query.addEventListener("change", draw));
})();
