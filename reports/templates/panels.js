// Draws the interactive panels from the numbers in #series. One time axis for all: zooming one zooms all, and the other
// axes follow what is in view. Colours are those of the page's style, light or dark. The plot is unpacked and drawn when the
// rest of the page is there and at rest, or as soon as the panels come near the screen.
(function () {
  "use strict";
  const box = document.getElementById("panels");
  const series = JSON.parse(document.getElementById("series").textContent);
  const chooser = document.getElementById("instrument");
  const dark = matchMedia("screen and (prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 600px)");
  const coarse = matchMedia("(pointer: coarse)");
  const PANELS = [
    { short: "equity", title: "Equity [" + escaped(series.unit) + "], thin: lowest inside bars" },
    { short: "drawdown", title: "Drawdown inside bars [%]" },
    { short: "margin ratio", title: "Worst margin ratio; liquidated at 1", fixed: [0, 1.12] },
    { short: "price" }, // its title names the instrument
    { short: "funding paid", title: "Funding paid so far [" + escaped(series.unit) + "]" },
  ];
  const PAPER = 640; // of a printed page [px]: A4 with 20 mm around it
  const PAD = 0.06; // of what is in view, above and below

  // A series' points, unpacked once: times as the plot's dates, values with null for gaps.
  function points(packed) {
    if (!packed.points) {
      const x = Array.from(new Int32Array(bytes(packed.x).buffer), (second) => series.start + 1000 * second);
      const y = Array.from(new Float32Array(bytes(packed.y).buffer), (value) => (Number.isFinite(value) ? value : null));
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
    const trace = {
      type: "scatter", mode: points(packed).x.length > 1 ? "lines" : "markers", x: points(packed).x, y: points(packed).y, yaxis: axis(panel), panel: panel,
      name: mode < 0 ? "" : PANELS[panel].short + ", " + series.modes[mode].name, hovertemplate: "%{y:,.6~g}",
      hoverlabel: { namelength: -1 }, line: Object.assign(look, more && more.look),
    };
    return Object.assign(trace, more && more.trace);
  }

  function marks(packed, panel, mode) {
    return {
      type: "scatter", mode: "markers", x: points(packed).x, y: points(packed).y, yaxis: axis(panel), panel: panel,
      text: packed.text.map((words) => (narrow.matches ? escaped(words).replace(/: |, /g, "<br>") : escaped(words))),
      name: series.modes[mode].name, hovertemplate: "%{text}", hoverlabel: { namelength: -1 },
      marker: {
        color: colour("--mode-" + (mode + 1)), symbol: series.modes[mode].sign, size: 8,
        line: { color: colour("--paper"), width: 1 },
      },
    };
  }

  function axis(panel) {
    return panel === 0 ? "y" : "y" + (panel + 1);
  }

  // What is drawn last is listed first when hovering: panels from the lowest up, the first mode after the others.
  function traces() {
    const out = [], modes = series.modes.map((_, mode) => mode).reverse();
    const silent = { hoverinfo: "skip", hovertemplate: null };
    const chosen = series.instruments[chooser.selectedIndex];
    const edge = { width: 0, dash: "solid" };
    const shade = Object.assign({ fill: "tonexty", fillcolor: colour("--shade") }, silent);
    modes.forEach((mode) => out.push(line(series.curves.funding[mode], 4, mode)));
    out.push(line(chosen.low, 3, -1, { look: edge, trace: silent }));
    out.push(line(chosen.high, 3, -1, { look: edge, trace: shade }));
    modes.forEach(function (mode) {
      const more = { look: { width: 1 }, trace: { name: "liquidation line, " + series.modes[mode].name } };
      chosen.lines[mode].forEach((packed) => out.push(line(packed, 3, mode, more)));
      out.push(marks(chosen.marks[mode], 3, mode));
    });
    out.push(line(chosen.price, 3, -1, { trace: { name: "mark" } }));
    modes.forEach((mode) => out.push(line(series.curves.ratio[mode], 2, mode, { look: { width: 1 } })));
    modes.forEach((mode) => out.push(line(series.curves.drawdown[mode], 1, mode)));
    modes.forEach(function (mode) {
      out.push(line(series.curves.low[mode], 0, mode, { look: { width: 0.6, dash: "solid" }, trace: silent }));
      out.push(marks(series.marks[mode], 0, mode));
    });
    modes.forEach((mode) => out.push(line(series.curves.equity[mode], 0, mode)));
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
      hoversubplots: "axis", hoverdistance: 5, dragmode: coarse.matches ? false : "zoom",
      font: { color: colour("--ink"), size: small ? 11 : 12, family: getComputedStyle(document.body).fontFamily },
      hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      xaxis: {
        type: "date", range: [from, to], gridcolor: colour("--line"), linecolor: colour("--muted"),
        anchor: axis(PANELS.length - 1), nticks: small ? 4 : 9, hoverformat: "%Y-%m-%d %H:%M UTC",
        showspikes: true, spikemode: "across", spikethickness: -2, spikedash: "solid", spikecolor: colour("--muted"),
      },
      annotations: [], shapes: [],
    };
    PANELS.forEach(function (panel, k) {
      const top = 1 - k * (tall + gap), name = "yaxis" + (k ? k + 1 : "");
      out[name] = {
        domain: [Math.max(top - tall, 0), top], fixedrange: true, range: panel.fixed || extent(k, from, to),
        gridcolor: colour("--line"), zerolinecolor: colour("--line"), nticks: 4, anchor: "x",
      };
      const chosen = series.instruments[chooser.selectedIndex];
      const priced = escaped(chosen.name + " [" + chosen.quote + "]") + ": mark and liquidation lines";
      out.annotations.push({
        text: panel.title || priced, xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom",
        showarrow: false, font: { size: small ? 11 : 12, color: colour("--muted") },
      });
    });
    out.shapes.push({
      type: "line", xref: "paper", x0: 0, x1: 1, yref: "y3", y0: 1, y1: 1,
      line: { color: colour("--warning"), width: 1 },
    });
    if (moment !== null) {
      out.shapes.push({
        type: "line", yref: "paper", y0: 0, y1: 1, x0: moment, x1: moment, line: { color: colour("--warning"), width: 1 },
      });
    }
    return out;
  }

  // The plot reads a few tags in its texts: what comes from a user is only text.
  function escaped(words) {
    return words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  const all = series.curves.equity[0] ? points(series.curves.equity[0]).x : [series.start];
  const whole = [series.start, Math.max(all[all.length - 1], series.start + 1000)];
  let view = whole.slice(), drawn = [], moment = null, program = null, first = null;

  // Between two long pieces of work the page answers its reader.
  function rest() {
    return new Promise((go) => setTimeout(go));
  }

  function unpacked() {
    if (!program) {
      box.setAttribute("aria-busy", "true");
      program = unpack().then(rest);
      program.catch(function () {
        box.removeAttribute("aria-busy");
        box.textContent = "The panels need a browser of 2023 or later; charts and tables do not.";
      });
    }
    return program;
  }

  function draw() {
    return unpacked().then(function () {
      drawn = traces();
      return Plotly.react(box, drawn, layout(view[0], view[1]), { displayModeBar: false, responsive: true });
    });
  }

  // Paper is narrower than most windows, and the plot keeps the width that it was drawn with: it is drawn again for it.
  function fit(width) {
    if (box.hasAttribute("data-ready")) {
      Plotly.react(box, drawn, Object.assign(layout(view[0], view[1]), { width: width }), { displayModeBar: false });
    }
  }

  function start() {
    if (!first) first = draw().then(follow);
    return first;
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

  // Shows a moment of an instrument, with as much around it as has points enough for a curve, and marks it.
  async function go(time, instrument) {
    const around = (whole[1] - whole[0]) / 60;
    moment = time;
    chooser.selectedIndex = instrument;
    await start();
    await show(time - around, time + around);
    box.focus({ preventScroll: true });
  }

  function move(name) {
    if (name === "whole") moment = null;
    const wanted = MOVES[name](view[0], view[1]);
    return show(wanted[0], wanted[1]);
  }

  function follow() {
    box.removeAttribute("aria-busy");
    box.setAttribute("data-ready", "yes");
    box.on("plotly_relayout", function (change) {
      if (change["xaxis.range[0]"] !== undefined) {
        show(+new Date(utc(change["xaxis.range[0]"])), +new Date(utc(change["xaxis.range[1]"])));
      } else if (change["xaxis.autorange"]) {
        show(whole[0], whole[1]);
      }
    });
  }

  // The plot names times without saying that they are UTC.
  function utc(time) {
    return typeof time === "string" ? time.replace(" ", "T") + (time.includes(":") ? "Z" : "") : time;
  }

  chooser.addEventListener("change", draw);
  document.querySelectorAll("[data-move]").forEach(function (button) {
    button.addEventListener("click", () => move(button.getAttribute("data-move")));
  });
  box.addEventListener("keydown", function (event) {
    if (event.target === box && KEYS[event.key] && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      move(KEYS[event.key]);
    }
  });
  document.querySelectorAll("a[data-time]").forEach(function (link) {
    link.addEventListener("click", function () {
      go(+link.getAttribute("data-time"), +link.getAttribute("data-instrument"));
    });
  });
  [dark, narrow].forEach((query) => query.addEventListener("change", () => first && first.then(draw)));

  new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && start(), { rootMargin: "50%" }).observe(box);
  addEventListener("beforeprint", () => (start(), fit(PAPER)));
  addEventListener("afterprint", () => first && first.then(draw));
  addEventListener("load", () => ("requestIdleCallback" in window ? requestIdleCallback(start) : setTimeout(start, 200)));
})();
