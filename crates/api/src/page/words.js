// What the page says, in English and Indonesian.

const WORDS = {
  en: {
    language: 'Language', skip: 'Skip to the content', lives: 'Your LIVEs', signOut: 'Sign out', guest: 'guest', loading: 'Loading…',
    signIn: 'Sign in', key: 'Your key', keyHint: 'It begins with rpk_. Whoever runs Reprise makes one with “reprise keys add”.', remember: 'Keep it on this device', wrongKey: 'This key is not known.',
    noLives: 'There is no LIVE yet. Once one was recorded and cut, it is here.', more: 'Show more', views: 'Views', gmv: 'GMV', netGmv: 'Net of returns', orders: 'Orders', peak: 'Most at once', likes: 'Likes', comments: 'Comments', clips: 'Clips', estimated: 'estimated', length: 'Length', noClips: 'no clips', clipCount: '{n} clips', oneClip: '1 clip',
    course: 'How the LIVE went', chartHelp: 'Money and viewers over time; stretches that became clips are shaded.', chartOf: 'GMV ({unit}) per {step} s', chartShare: 'GMV as a share of its highest value', viewers: 'Viewers', momentBand: 'Moment with a clip', tailBand: 'Moment without a clip', asTable: 'The same as a table', time: 'Time',
    moments: 'Moments', moment: 'Moment {n}', openClip: 'Open the clip', why: 'Why it was chosen', notClipped: 'No clip', weak: 'not certain', due: 'Most likely due to {cause} ({percent} %)', brought: 'Brought {gmv}',
    times: '{signal}: {ratio} times the usual', seen: '{signal}: {observed} where {expected} were to be expected', practices: 'Best practices of this LIVE', pass: 'met', fail: 'not met', unknown: 'not known',
    takedown: 'Take this LIVE down', takedownAsk: 'All clips, remixes and figures of this LIVE are removed, for good, and are not made again. Others who have downloaded a clip keep it.', takedownReason: 'Why (for the record)', takedownDone: 'Taken down: {n} files were removed.', cancel: 'Cancel',
    clip: 'Clip', fromTo: '{from} to {to} of the LIVE', grade: 'Grade', afterRemix: 'with stickers: {grade}', good_case: 'Good case', high: 'High', basic: 'Basic', rejected: 'Rejected', quickEdit: 'Quick post edit', download: 'Download',
    up: 'Good pick', down: 'Bad pick', kept: 'Kept.', verdicts: 'Checks', failing: 'Not met ({n})', unsure: 'Could not be checked ({n})', passing: 'Met ({n})', V_pass: 'met', V_fail: 'not met', V_unknown: 'not known', advice: 'advice',
    post: 'Your post', title: 'Title', caption: 'Caption', hashtags: 'Hashtags', hashtagsHint: 'With spaces between them.', save: 'Save', suggested: 'Take the suggestion again', copy: 'Copy the text', copied: 'Copied.',
    trim: 'Trim', trimHelp: 'The checks are made anew for the part between the handles; remixes are made of that part.', trimStart: 'Begins at', trimEnd: 'Ends at', trimLength: '{n} s of {of} s', trimGained: 'Now met', trimLost: 'No longer met', trimSame: 'The checks say the same as of all of it.', trimWhole: 'All of it',
    product: 'Product', wrongProduct: 'Wrong product?', chooseProduct: 'What does the clip show?', noProduct: 'None of these', productKept: 'Kept. Checks that were about the other product are open now.', said: 'What is said', remixes: 'Remixes of this clip', noRemixes: 'There is none yet.',
    template: 'Template', language_: 'Language of the stickers', plan: 'Invite to an upcoming LIVE', skipPlan: 'Skip: invite to none', newPlan: 'A new LIVE…', planTitle: 'Its title', planStart: 'When it begins', effects: 'What is added', texts: 'Texts of your own', textsHint: 'Left empty, the template says it itself.', forDownload: 'For a download: all of it', forApi: 'For a post through the platform: no branding, no promotion', target: 'Where it goes',
    brandPicture: 'Picture of your brand', brandPictureHint: 'PNG, JPEG or WebP, at most 4 MB; it stands in the place of the brand’s name.', noBrandPicture: 'Take the picture away',
    preview: 'Preview', previewAt: 'Time of the preview', previewAlt: 'The remix at {at}', make: 'Make the remix', previewBusy: 'Drawing…', E_hook: 'Opening line', E_name: 'Product name', E_price: 'Price and discount', E_captions: 'Captions', E_call_to_action: 'Call to action', E_plan: 'Date of the LIVE', E_brand: 'Brand', E_arrow: 'Arrow to the product', E_zoom: 'Zoom onto the product', E_music: 'Music',
    making: 'Making your remix', J_waiting: 'Waits for its turn', J_leased: 'Under way', J_done: 'Done', J_parked: 'It did not work', J_cancelled: 'Stopped', S_remix: 'Drawing and mixing', S_check: 'Checking the result', stop: 'Stop', stopped: 'Stopped. Nothing was kept.', again: 'Try again',
    before: 'Before', after: 'After', result: 'Your remix', backToClip: 'Back to the clip', loudness: '{lufs} LUFS, peak {peak} dBTP', speechOver: 'speech {lu} LU above the music', notes: 'Left out', musicBy: 'Music: {name}, {licence}',
    post_: 'Post', account: 'Account', postAs: 'Posts as {name}', privacy: 'Who may see it', choose: 'Choose…', PR_PUBLIC_TO_EVERYONE: 'Everybody', PR_MUTUAL_FOLLOW_FRIENDS: 'Friends', PR_FOLLOWER_OF_CREATOR: 'Followers', PR_SELF_ONLY: 'Only you', allowComment: 'Allow comments', allowDuet: 'Allow duets', allowStitch: 'Allow stitches', ownBusiness: 'Your brand: it promotes your own business', paid: 'Branded content: another brand pays for it', consent: 'By posting you agree to the platform’s music usage confirmation. A post is taken back in the platform’s app alone.', postBranded: 'Posts through the platform may carry no added branding or promotion. To post from here, make a remix for the platform; or download this one and post it by hand.', unaudited: 'The platform has not audited this app yet: only you will see the post.', S_upload: 'Sending', S_process: 'The platform works on it', posts: 'Posts', PS_uploading: 'being sent', PS_processing: 'the platform works on it', PS_published: 'posted', PS_failed: 'refused', postDone: 'Posted.', postFailed: 'The platform refused it: {reason}',
    offline: 'The server does not answer. Is it running?', gone: 'There is no such thing, or it is not yours.', C_pitch: 'the pitch', C_flash_sale: 'a flash sale or discount', C_giveaway: 'a giveaway', C_traffic: 'an influx of viewers',
    G_gmv: 'GMV', G_orders: 'Orders', G_units: 'Units', G_gmv_per_mille: 'GMV per thousand viewers', G_gross_margin: 'Margin', G_viewers: 'Viewers', G_entries: 'Coming in', G_likes: 'Likes', G_comments: 'Comments', G_product_clicks: 'Product clicks', G_follows: 'Follows', G_shares: 'Shares', G_gifts: 'Gifts',
    P_local_language: 'Local language', P_host_visible: 'Host in the picture', P_host_enthusiastic: 'Host is enthusiastic', P_answers_the_audience: 'Comments are answered', P_product_demonstration: 'Products shown in use', P_call_to_action: 'Viewers are told what to do', P_creative_formats: 'Creative formats', P_billboard_used: 'Billboard', P_giveaway_used: 'Giveaway', P_detailed_specifications: 'Specifications', P_value_explained: 'Benefits explained', P_target_users_named: 'Who it is for', P_buyer_confidence: 'Delivery, returns, guarantees', P_not_low_quality: 'No replay', P_deals_or_bundles: 'Deals or bundles', P_no_violation: 'No violations', P_at_least_45_minutes: 'At least 45 minutes', P_starts_in_the_evening: 'Starts in the evening', P_branded_product: 'A product of a brand', P_competitive_price: 'Competitive price', P_product_in_view: 'Products in view', P_tidy_background: 'Tidy background', P_organised_layout: 'Organised layout', P_creative_scenario: 'Creative scene', P_image_clear: 'Clear picture', P_image_stable: 'Steady picture', P_audio_clear: 'Clear sound', P_audio_in_sync: 'Sound in time with the picture', P_teasers_posted: 'Teasers before the LIVE',
  },
  id: {
    language: 'Bahasa', skip: 'Langsung ke isi', lives: 'LIVE Anda', signOut: 'Keluar', guest: 'tamu', loading: 'Memuat…',
    signIn: 'Masuk', key: 'Kunci Anda', keyHint: 'Diawali rpk_. Pengelola Reprise membuatnya dengan “reprise keys add”.', remember: 'Simpan di perangkat ini', wrongKey: 'Kunci ini tidak dikenal.',
    noLives: 'Belum ada LIVE. Setelah direkam dan dipotong, LIVE muncul di sini.', more: 'Tampilkan lagi', views: 'Tayangan', gmv: 'GMV', netGmv: 'Setelah retur', orders: 'Pesanan', peak: 'Terbanyak sekaligus', likes: 'Suka', comments: 'Komentar', clips: 'Klip', estimated: 'perkiraan', length: 'Durasi', noClips: 'tanpa klip', clipCount: '{n} klip', oneClip: '1 klip',
    course: 'Jalannya LIVE', chartHelp: 'Uang dan penonton sepanjang waktu; bagian yang menjadi klip diarsir.', chartOf: 'GMV ({unit}) per {step} dtk', chartShare: 'GMV sebagai bagian dari nilai tertinggi', viewers: 'Penonton', momentBand: 'Momen dengan klip', tailBand: 'Momen tanpa klip', asTable: 'Sebagai tabel', time: 'Waktu',
    moments: 'Momen', moment: 'Momen {n}', openClip: 'Buka klip', why: 'Alasan dipilih', notClipped: 'Tanpa klip', weak: 'belum pasti', due: 'Kemungkinan besar karena {cause} ({percent} %)', brought: 'Menghasilkan {gmv}',
    times: '{signal}: {ratio} kali biasanya', seen: '{signal}: {observed}, biasanya {expected}', practices: 'Praktik terbaik LIVE ini', pass: 'terpenuhi', fail: 'belum', unknown: 'tidak diketahui',
    takedown: 'Turunkan LIVE ini', takedownAsk: 'Semua klip, remix, dan angka LIVE ini dihapus untuk selamanya dan tidak dibuat lagi. Klip yang sudah diunduh orang lain tetap ada.', takedownReason: 'Alasan (untuk catatan)', takedownDone: 'Diturunkan: {n} berkas dihapus.', cancel: 'Batal',
    clip: 'Klip', fromTo: '{from} sampai {to} dari LIVE', grade: 'Nilai', afterRemix: 'dengan stiker: {grade}', good_case: 'Contoh terbaik', high: 'Tinggi', basic: 'Dasar', rejected: 'Ditolak', quickEdit: 'Edit cepat', download: 'Unduh',
    up: 'Pilihan bagus', down: 'Pilihan buruk', kept: 'Tersimpan.', verdicts: 'Pemeriksaan', failing: 'Belum terpenuhi ({n})', unsure: 'Tidak bisa diperiksa ({n})', passing: 'Terpenuhi ({n})', V_pass: 'terpenuhi', V_fail: 'belum', V_unknown: 'tidak diketahui', advice: 'saran',
    post: 'Postingan Anda', title: 'Judul', caption: 'Keterangan', hashtags: 'Tagar', hashtagsHint: 'Pisahkan dengan spasi.', save: 'Simpan', suggested: 'Pakai saran lagi', copy: 'Salin teks', copied: 'Tersalin.',
    trim: 'Potong', trimHelp: 'Pemeriksaan diulang untuk bagian di antara kedua pegangan; remix dibuat dari bagian itu.', trimStart: 'Mulai pada', trimEnd: 'Selesai pada', trimLength: '{n} dtk dari {of} dtk', trimGained: 'Kini terpenuhi', trimLost: 'Tidak lagi terpenuhi', trimSame: 'Hasil pemeriksaan sama seperti seluruh klip.', trimWhole: 'Seluruhnya',
    product: 'Produk', wrongProduct: 'Produk salah?', chooseProduct: 'Produk apa yang terlihat di klip?', noProduct: 'Tidak ada di daftar', productKept: 'Tersimpan. Pemeriksaan tentang produk lama kini terbuka.', said: 'Yang diucapkan', remixes: 'Remix klip ini', noRemixes: 'Belum ada.',
    template: 'Templat', language_: 'Bahasa stiker', plan: 'Undang ke LIVE berikutnya', skipPlan: 'Lewati: tanpa undangan', newPlan: 'LIVE baru…', planTitle: 'Judulnya', planStart: 'Waktu mulai', effects: 'Yang ditambahkan', texts: 'Teks Anda sendiri', textsHint: 'Jika kosong, templat mengisinya sendiri.', forDownload: 'Untuk diunduh: semuanya', forApi: 'Untuk posting lewat platform: tanpa merek dan promosi', target: 'Tujuan',
    brandPicture: 'Gambar merek Anda', brandPictureHint: 'PNG, JPEG, atau WebP, paling besar 4 MB; menggantikan nama merek.', noBrandPicture: 'Hapus gambar',
    preview: 'Pratinjau', previewAt: 'Waktu pratinjau', previewAlt: 'Remix pada {at}', make: 'Buat remix', previewBusy: 'Menggambar…', E_hook: 'Kalimat pembuka', E_name: 'Nama produk', E_price: 'Harga dan diskon', E_captions: 'Teks ucapan', E_call_to_action: 'Ajakan', E_plan: 'Tanggal LIVE', E_brand: 'Merek', E_arrow: 'Panah ke produk', E_zoom: 'Zoom ke produk', E_music: 'Musik',
    making: 'Remix sedang dibuat', J_waiting: 'Menunggu giliran', J_leased: 'Sedang dikerjakan', J_done: 'Selesai', J_parked: 'Tidak berhasil', J_cancelled: 'Dihentikan', S_remix: 'Menggambar dan mencampur', S_check: 'Memeriksa hasil', stop: 'Hentikan', stopped: 'Dihentikan. Tidak ada yang disimpan.', again: 'Coba lagi',
    before: 'Sebelum', after: 'Sesudah', result: 'Remix Anda', backToClip: 'Kembali ke klip', loudness: '{lufs} LUFS, puncak {peak} dBTP', speechOver: 'ucapan {lu} LU di atas musik', notes: 'Tidak disertakan', musicBy: 'Musik: {name}, {licence}',
    post_: 'Posting', account: 'Akun', postAs: 'Diposting sebagai {name}', privacy: 'Siapa yang boleh melihat', choose: 'Pilih…', PR_PUBLIC_TO_EVERYONE: 'Semua orang', PR_MUTUAL_FOLLOW_FRIENDS: 'Teman', PR_FOLLOWER_OF_CREATOR: 'Pengikut', PR_SELF_ONLY: 'Hanya Anda', allowComment: 'Izinkan komentar', allowDuet: 'Izinkan duet', allowStitch: 'Izinkan stitch', ownBusiness: 'Merek Anda: mempromosikan usaha sendiri', paid: 'Konten bermerek: dibayar merek lain', consent: 'Dengan memposting, Anda menyetujui konfirmasi penggunaan musik platform. Posting hanya bisa ditarik lewat aplikasi platform.', postBranded: 'Posting lewat platform tidak boleh memuat merek atau promosi tambahan. Untuk memposting dari sini, buat remix untuk platform; atau unduh dan posting sendiri.', unaudited: 'Platform belum mengaudit aplikasi ini: hanya Anda yang akan melihat posting ini.', S_upload: 'Mengirim', S_process: 'Sedang diproses platform', posts: 'Posting', PS_uploading: 'sedang dikirim', PS_processing: 'diproses platform', PS_published: 'terposting', PS_failed: 'ditolak', postDone: 'Terposting.', postFailed: 'Platform menolaknya: {reason}',
    offline: 'Server tidak menjawab. Apakah sedang berjalan?', gone: 'Tidak ada, atau bukan milik Anda.', C_pitch: 'penawaran host', C_flash_sale: 'flash sale atau diskon', C_giveaway: 'giveaway', C_traffic: 'arus penonton',
    G_gmv: 'GMV', G_orders: 'Pesanan', G_units: 'Unit', G_gmv_per_mille: 'GMV per seribu penonton', G_gross_margin: 'Margin', G_viewers: 'Penonton', G_entries: 'Masuk', G_likes: 'Suka', G_comments: 'Komentar', G_product_clicks: 'Klik produk', G_follows: 'Pengikut baru', G_shares: 'Dibagikan', G_gifts: 'Hadiah',
    P_local_language: 'Bahasa setempat', P_host_visible: 'Host terlihat', P_host_enthusiastic: 'Host antusias', P_answers_the_audience: 'Komentar dijawab', P_product_demonstration: 'Produk diperagakan', P_call_to_action: 'Ada ajakan', P_creative_formats: 'Format kreatif', P_billboard_used: 'Papan iklan', P_giveaway_used: 'Giveaway', P_detailed_specifications: 'Spesifikasi', P_value_explained: 'Manfaat dijelaskan', P_target_users_named: 'Untuk siapa', P_buyer_confidence: 'Pengiriman, retur, garansi', P_not_low_quality: 'Bukan ulangan', P_deals_or_bundles: 'Penawaran atau paket', P_no_violation: 'Tanpa pelanggaran', P_at_least_45_minutes: 'Minimal 45 menit', P_starts_in_the_evening: 'Mulai malam hari', P_branded_product: 'Produk bermerek', P_competitive_price: 'Harga bersaing', P_product_in_view: 'Produk terlihat', P_tidy_background: 'Latar rapi', P_organised_layout: 'Tata letak teratur', P_creative_scenario: 'Suasana kreatif', P_image_clear: 'Gambar jernih', P_image_stable: 'Gambar stabil', P_audio_clear: 'Suara jernih', P_audio_in_sync: 'Suara selaras dengan gambar', P_teasers_posted: 'Cuplikan sebelum LIVE',
  },
};

const NAME = 'reprise.language';
const wished = localStorage.getItem(NAME) ?? navigator.language.split('-')[0];
export let language = wished in WORDS ? wished : 'en';

/** Names of all words of a language. */
export const names = (code) => Object.keys(WORDS[code]);

export function speak(code) {
  language = code;
  localStorage.setItem(NAME, code);
  document.documentElement.lang = code;
}

/** Words by their name; those that are not known say their own name. */
export function t(name, values = {}) {
  const text = WORDS[language][name] ?? WORDS.en[name] ?? name.replace(/^[A-Z]_/, '').replaceAll('_', ' ');
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? '');
}

export const money = (amount) => {
  const value = Number(amount.value);
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency: amount.currency, maximumFractionDigits: value < 1000 ? 2 : 0 }).format(value);
  } catch {
    return `${amount.value} ${amount.currency}`;
  }
};

export const number = (value, digits = 0) => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

export function when(time) {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time));
}

export function length(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 60) return `${number(seconds, 1)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What a verdict says to a seller. */
export const sentence = (verdict) => verdict.sentences?.[language] ?? verdict.sentences?.en ?? verdict.detail;
