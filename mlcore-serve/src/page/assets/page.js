// Comfort alone: every page works without it. The value under the pointer, and a range of a large chart chosen by dragging.
"use strict";
const points = new WeakMap();

function scale(plot, axis) {
  const [low, high, from, to, log] = plot.dataset[axis].split(" ").map(Number);
  return place => {
    const share = (place - from) / (to - from);
    return log ? 10 ** (Math.log10(low) + share * (Math.log10(high) - Math.log10(low))) : low + share * (high - low);
  };
}

function verticesOf(plot) {
  if (!points.has(plot)) {
    const all = [];
    for (const path of plot.querySelectorAll(".line")) {
      for (const [, x, y] of path.getAttribute("d").matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)) {
        all.push([Number(x), Number(y), path.dataset.name]);
      }
    }
    points.set(plot, all);
  }
  return points.get(plot);
}

function placeOf(plot, event) {
  const box = plot.getBoundingClientRect(), view = plot.viewBox.baseVal;
  return [(event.clientX - box.left) * view.width / box.width, (event.clientY - box.top) * view.height / box.height, box.width / view.width];
}

function add(plot, name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return plot.appendChild(element);
}

function written(plot, x) {
  if (plot.dataset.along === "time") return new Date(x).toISOString().replace("T", " ").slice(0, 19);
  return `step ${Math.round(x * 100) / 100}`;
}

for (const plot of document.querySelectorAll(".plot")) {
  const figure = plot.parentElement, tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  figure.append(tip);
  const dot = add(plot, "circle", { class: "dot", r: 3, visibility: "hidden" });
  const [valueX, valueY] = [scale(plot, "x"), scale(plot, "y")];
  let start = null, band = null;
  const rests = () => { tip.hidden = true; dot.setAttribute("visibility", "hidden"); };

  plot.addEventListener("pointermove", event => {
    const [x, y, zoom] = placeOf(plot, event);
    if (band) {
      band.setAttribute("x", Math.min(start, x));
      band.setAttribute("width", Math.abs(x - start));
    }
    let best = null, least = Infinity;
    for (const vertex of verticesOf(plot)) {
      const away = Math.hypot(vertex[0] - x, (vertex[1] - y) / 2);
      if (away < least) [best, least] = [vertex, away];
    }
    if (!best) return rests();
    const text = `${written(plot, valueX(best[0]))}: ${Number(valueY(best[1]).toPrecision(4))}`;
    tip.textContent = plot.querySelectorAll(".line").length > 1 ? `${best[2]}, ${text}` : text;
    tip.hidden = false;
    const left = plot.offsetLeft || plot.getBoundingClientRect().left - figure.getBoundingClientRect().left + figure.scrollLeft;
    const top = plot.getBoundingClientRect().top - figure.getBoundingClientRect().top;
    tip.style.left = `${Math.max(0, Math.min(left + best[0] * zoom + 10, figure.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, top + best[1] * zoom - 34)}px`;
    dot.setAttribute("cx", best[0]);
    dot.setAttribute("cy", best[1]);
    dot.setAttribute("visibility", "visible");
  });
  plot.addEventListener("pointerleave", rests);

  const [from, to] = ["from", "to"].map(id => document.getElementById(id));
  if (!from || !to) continue;
  plot.addEventListener("pointerdown", event => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    start = placeOf(plot, event)[0];
    band = add(plot, "rect", { class: "zoom", y: 0, height: plot.viewBox.baseVal.height, x: start, width: 0 });
    plot.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  plot.addEventListener("pointerup", event => {
    if (!band) return;
    const ends = [start, placeOf(plot, event)[0]].sort((a, b) => a - b);
    band.remove();
    [start, band] = [null, null];
    if (ends[1] - ends[0] < 8) return;
    [from.value, to.value] = [Math.floor(valueX(ends[0])), Math.ceil(valueX(ends[1]))];
    from.form.requestSubmit();
  });
}
