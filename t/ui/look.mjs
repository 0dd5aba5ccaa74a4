// Looks at pages with Chromium: see t/ui/run. Prints "ok ..." or "not ok ..." lines.
// usage: node look.mjs FOLDER PAGES, in JSON: [{"name": "help", "url": "http://...", "shots": ["#errors"]}]
import { readFileSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

const folder = process.argv[2];
const pages = JSON.parse(process.argv[3]);
const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

function ok(good, text, ...details) {
    console.log(`${good ? 'ok' : 'not ok'} ${text}`);
    if (!good) {
        details.forEach((detail) => console.log(`  ${detail}`));
    }
}

// What reaches beyond the window, or beyond the box that it belongs to.
function wide() {
    const width = document.documentElement.clientWidth;
    return [...document.body.querySelectorAll('*')]
        .filter((element) => !element.closest('.box') && !element.matches('.skip'))
        .filter((element) => element.getBoundingClientRect().right > width + 0.5)
        .map((element) => `${element.tagName} ${element.textContent.slice(0, 60)}`);
}

async function look(browser, { name: what, url, shots }, width, height, scheme) {
    const name = `${what}-${width}x${height}-${scheme}`;
    const page = await browser.newPage();
    const asked = new Set();
    const complaints = [];

    page.on('request', (request) => asked.add(new URL(request.url()).origin));
    page.on('console', (message) => complaints.push(message.text()));
    await page.setViewport({ width, height, isMobile: width < 600, hasTouch: width < 600 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(url);
    await page.screenshot({ path: `${folder}/${name}.png` });

    const scroll = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    const beyond = await page.evaluate(wide);
    ok(scroll <= 0, `${name}: the page does not scroll sideways`, `by ${scroll} px`);
    ok(beyond.length === 0, `${name}: nothing is wider than the window`, ...beyond);
    const asides = [...asked].filter((origin) => origin !== new URL(url).origin);
    ok(asides.length === 0, `${name}: nothing comes from elsewhere`, ...asides);
    ok(!complaints.some((text) => /policy|refused/i.test(text)), `${name}: its policy hinders nothing`,
        ...complaints);

    await page.evaluate(axe);
    const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa',
        'wcag21a', 'wcag21aa', 'best-practice'] }));
    ok(found.violations.length === 0 && found.passes.length > 10,
        `${name}: axe-core finds no fault (${found.passes.length} rules)`, ...found.violations.map(
            (fault) => `${fault.id}: ${fault.help}: ${fault.nodes[0].html.slice(0, 200)}`));

    for (const id of shots) {
        await page.$eval(id, (element) => element.scrollIntoView());
        await page.screenshot({ path: `${folder}/${name}-${id.slice(1)}.png` });
    }
    await page.close();
}

// The first key leads past the head; every stop is in sight.
async function keys(browser, { name, url }) {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(url);
    await page.keyboard.press('Tab');
    const first = await page.evaluate(() => [document.activeElement.className,
        document.activeElement.getBoundingClientRect().left]);
    ok(first[0] === 'skip' && first[1] >= 0, `${name}: the first stop of the keyboard is the link to the content`);
    await page.screenshot({ path: `${folder}/${name}-keyboard.png` });
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    const next = await page.evaluate(() => document.activeElement.closest('main') !== null);
    ok(next, `${name}: which leads there`);
    await page.close();
}

// A form, by keyboard alone: what it did is told by the page that it leads to.
async function act(browser, { url, press, says }) {
    const page = await browser.newPage();
    await page.goto(url);
    await page.focus(press);
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    const text = await page.evaluate(() => document.querySelector('main').textContent);
    ok(text.includes(says), `a form is sent by a key, and the next page says "${says}"`, text.slice(0, 300));
    await page.close();
}

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'],
});
for (const page of pages) {
    if (page.press) {
        await act(browser, page);
        continue;
    }
    for (const [width, height] of [[360, 800], [1280, 900]]) {
        for (const scheme of ['light', 'dark']) {
            await look(browser, page, width, height, scheme);
        }
    }
    await keys(browser, page);
}
await browser.close();
