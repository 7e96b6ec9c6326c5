/** Draws the weeks of a report with the vendored Chart.js; the table below says the same. */

const STATUSES = ["present", "late", "absent", "excused"];
const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
let chart = null;

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function bars(weeks, labels) {
  return STATUSES.map((status) => ({
    label: labels[status],
    data: weeks.map((week) => week[status]),
    backgroundColor: color(`--c-${status}-mark`),
    stack: "marks",
    maxBarThickness: 64,
    order: 1,
  }));
}

function line(weeks, labels) {
  return {
    type: "line",
    label: labels.percentage,
    data: weeks.map((week) => week.percentage),
    borderColor: color("--c-ink"),
    backgroundColor: color("--c-ink"),
    pointStyle: "rectRot",
    pointRadius: 4,
    yAxisID: "percentage",
    order: 0,
  };
}

function axis(title, options) {
  const ink = color("--c-ink-2");
  return {
    title: { display: Boolean(title), text: title, color: ink },
    ticks: { color: ink },
    grid: { color: color("--c-line") },
    ...options,
  };
}

function draw() {
  const frame = document.querySelector("[data-chart]");
  if (!frame || !window.Chart) return;
  const weeks = JSON.parse(frame.dataset.chart);
  const labels = frame.dataset;
  chart?.destroy();
  chart = new window.Chart(frame.querySelector("canvas"), {
    type: "bar",
    data: {
      labels: weeks.map((week) => week.name),
      datasets: [line(weeks, labels), ...bars(weeks, labels)],
    },
    options: {
      animation: reducedMotion.matches ? false : { duration: 300 },
      locale: document.documentElement.lang,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { labels: { color: color("--c-ink"), usePointStyle: true } } },
      scales: {
        x: axis("", { stacked: true, reverse: document.documentElement.dir === "rtl" }),
        y: axis(labels.marks, { stacked: true, beginAtZero: true }),
        percentage: axis(labels.percentage, {
          position: "right",
          min: 0,
          max: 100,
          grid: { drawOnChartArea: false },
        }),
      },
    },
  });
  frame.dataset.drawn = "yes";
}

document.addEventListener("htmx:afterSettle", draw);
// Another theme is another set of colours.
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
draw();
