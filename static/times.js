// Times in the reader's zone; the exact one in UTC shows on hover. Without this script they are UTC, and the page says so.
(() => {
  const two = (number) => String(number).padStart(2, "0");
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const length = time.textContent.replace(/ UTC$/, "").length;
    // A day, a minute or a second; anything else is words.
    if (isNaN(at) || ![10, 16, 19].includes(length)) continue;
    const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join("-");
    const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
    time.title = time.dateTime.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");
    time.textContent = `${day} ${clock}`.slice(0, length);
  }
  for (const told of document.querySelectorAll(".zone")) told.textContent = "Times are in your time zone.";
})();
