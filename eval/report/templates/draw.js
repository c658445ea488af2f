"use strict";
for (const holder of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
  if (holder.clientWidth < 480) {
    figure.layout.margin.b = 215; // On a narrow screen the legend takes more lines.
  }
  Plotly.newPlot(holder, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    // Only these buttons: Plotly's own choice holds one that uploads the figure's data to a server of theirs.
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    showSendToCloud: false,
    plotlyServerURL: "",
  });
}
